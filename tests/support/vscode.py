"""VS Code in a real browser."""

from playwright.sync_api import Page, expect


def type_in_terminal(page: Page, command: str) -> None:
    """Open a terminal, and type a line when its prompt is there."""
    expect(page.locator(".explorer-folders-view")).to_be_visible()
    page.keyboard.press("F1")
    page.locator(".quick-input-widget input").fill(">Terminal: Focus on Terminal View")
    expect(page.locator(".quick-input-list .monaco-list-row").first).to_contain_text("Focus on Terminal View")
    page.keyboard.press("Enter")
    # The text is painted, the mark beside a prompt is not.
    expect(page.locator(".terminal-command-decoration").last).to_be_visible()
    page.locator(".terminal-wrapper.active .xterm-helper-textarea").focus()
    page.keyboard.type(f"{command}\n")
