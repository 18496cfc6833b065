"""Make a conda prefix without conda: solve, download, link. Runs in the image that is being built."""

import argparse
import asyncio
import tempfile
from pathlib import Path

import rattler


async def make(prefix: Path, *, channels: list[str], packages: list[str]) -> list[str]:
    """Install the packages and what they need; return what was installed."""
    virtual = rattler.VirtualPackage.detect()
    # The build machine has no GPU; the nodes that pull the image do.
    cuda = rattler.GenericVirtualPackage(
        rattler.PackageName("__cuda"), rattler.Version("12.4"), rattler.BuildString("0")
    )
    records = await rattler.solve(
        sources=channels,
        specs=packages,
        platforms=["linux-64", "noarch"],
        virtual_packages=[*(v.into_generic() for v in virtual), cuda],
        # A package of the CUDA channel may be newer in another one.
        channel_priority=rattler.ChannelPriority.Disabled,
    )
    with tempfile.TemporaryDirectory() as cache:
        await rattler.install(records, target_prefix=prefix, cache_dir=cache, show_progress=False)
    return sorted(f"{record.name.normalized}={record.version}" for record in records)


def main() -> None:
    """Read the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--channel", nargs="+", required=True)
    parser.add_argument("--package", nargs="+", required=True)
    words = parser.parse_args()
    installed = asyncio.run(make(words.prefix, channels=words.channel, packages=words.package))
    print("\n".join(installed))


if __name__ == "__main__":
    main()
