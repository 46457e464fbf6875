"""Known vulnerabilities of the pinned packages: python -m engagement_assets_tests.audit constraints.txt

pip-audit asks the package index; it runs from an environment of its own, so that it is no dependency of the project. Where it
cannot be installed, or the index does not answer, nothing was audited: that is said, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_TOOL = "pip-audit==2.10.1"
_SECONDS = 180


def main(pinned: str) -> None:
    """Exit code 1 if a package has a known vulnerability."""
    uv = Path(sys.executable).with_name("uv")
    options = ["-r", pinned, "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(
            [uv, "tool", "run", "--quiet", "--from", _TOOL, "pip-audit", *options],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        packages = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        say("Dependency audit: not possible here, because pip-audit or the package index cannot be reached.")
        return
    looked_up = [package for package in packages if "skip_reason" not in package]
    say(f"Dependency audit: {len(looked_up)} of {len(packages)} packages could be looked up in the index.")
    bad = [package for package in looked_up if package["vulns"]]
    for package in bad:
        for found in package["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "no version yet"
            say(f"  {package['name']} {package['version']}: {found['id']}, mended in {mended}")
    if bad:
        raise SystemExit(1)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1])
