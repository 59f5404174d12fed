"""The dependency check: every direct dependency has its reason in docs/dependencies.md, every licence is one that an
Apache-2.0 product may carry, everything comes from the registry, and the lock file is the one that is committed."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "OpenSSL", "Unicode-3.0", "Unlicense", "Zlib",
}


def licence_is_allowed(expression: str) -> bool:
    """Of each part that must hold, one alternative is in the list (SPDX: AND binds what OR offers)."""
    parts = re.split(r"\s+AND\s+", expression.replace("/", " OR "))
    return all(any(name.strip(" ()") in ALLOWED for name in re.split(r"\s+OR\s+", part)) for part in parts)


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    members = set(metadata["workspace_members"])
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    wrong = []
    direct = set()
    for package in metadata["packages"]:
        if package["id"] in members:
            direct |= {dependency["name"] for dependency in package["dependencies"] if dependency.get("path") is None}
            continue
        name = f"{package['name']} {package['version']}"
        if not (package["source"] or "").startswith("registry+"):
            wrong.append(f"{name}: does not come from the registry")
        if not licence_is_allowed(package["license"] or ""):
            wrong.append(f"{name}: licence {package['license']!r} is not in the list of .ci/dependencies.py")
    for name in sorted(direct):
        if f"`{name}`" not in reasons:
            wrong.append(f"{name}: docs/dependencies.md gives no reason for it")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(direct)} direct dependencies, {len(metadata['packages']) - len(members)} in all, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
