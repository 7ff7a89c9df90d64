"""Zips built functions as they are deployed and holds them to size-budget.toml. Usage: check_size.py FOLDER_OF_BINARIES; exit status 1 if one is too big."""

import sys
import tempfile
import zipfile
from pathlib import Path

import tomlkit


def zipped_size(binary):
    """Bytes of a deployment zip with this binary in it as `bootstrap`."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.write(binary, "bootstrap")
        return file.tell()


def main(folder):
    budget = tomlkit.parse((Path(__file__).parent / "size-budget.toml").read_text())
    too_big = False
    for name in budget["functions"]:
        size = zipped_size(folder / name)
        verdict = "ok" if size <= budget["aim_zip_bytes"] else "over the aim"
        if size > budget["max_zip_bytes"]:
            verdict, too_big = "TOO BIG", True
        print(f"{name}: {size:,} bytes zipped (aim {budget['aim_zip_bytes']:,}, at most {budget['max_zip_bytes']:,}): {verdict}")
    sys.exit(too_big)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
