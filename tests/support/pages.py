"""Reading our own pages."""

import re


def problems_on(page: str) -> str:
    """Return the text of the form's list of mistakes, for a failure's message."""
    alert = re.search(r'id="problems".*?</div>', page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", alert[0] if alert else page).split())[:2000]
