"""Writes a CycloneDX bill of materials for every deployed function, and checks it. Usage: sbom.py TO_FOLDER [FOLDER_OF_BINARIES]

What is in a function is what cargo links into it for the architecture that template.yaml deploys on: build scripts and procedural macros run on the
machine that builds and are not listed. (cargo-cyclonedx reads the whole workspace's features and would name crates that no function has, such as a second
TLS.) With the folder of built binaries, every crate whose source a binary names must be in its bill."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
LINE = re.compile(r"(?P<depth>\d+)(?P<name>[\w-]+) v(?P<version>[^ |]+)[^|]*\|(?P<licence>[^|]*)\|")


def deployed():
    """Packages of the functions, as the template names their binaries, and the target that they are built for."""
    template = (ROOT / "template.yaml").read_text()
    (architecture,) = set(re.findall(r"^ +Architectures: \[(\w+)\]$", template, re.MULTILINE))
    return sorted(re.findall(r"^ +Binary: (\S+)$", template, re.MULTILINE)), TARGETS[architecture]


def checksums():
    """SHA-256 of what the registry serves, by name and version; our own crates have none."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}


def linked(function, target):
    """What cargo links: (name, version) and licence of each crate, the function's own first, and who uses whom."""
    command = ["cargo", "tree", "--locked", "--package", function, "--target", target, "--edges", "normal,no-proc-macro"]
    command += ["--prefix", "depth", "--format", "{p}|{l}|"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    licences, uses, above = {}, set(), []
    for line in text.splitlines():
        read = LINE.match(line)
        crate, depth = (read["name"], read["version"]), int(read["depth"])
        licences.setdefault(crate, read["licence"].replace("/", " OR "))
        above[depth:] = [crate]
        if depth:
            uses.add((above[depth - 1], crate))
    return licences, uses


def bill(function, target, known):
    """The bill of one function."""
    licences, uses = linked(function, target)
    components = {}
    for (name, version), licence in licences.items():
        checksum = known[name, version]
        components[name, version] = Component(
            type=ComponentType.LIBRARY if components else ComponentType.APPLICATION,
            name=name,
            version=version,
            bom_ref=f"{name}@{version}",
            purl=PackageURL("cargo", name=name, version=version) if checksum else None,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
            licenses=[LicenseFactory().make_from_string(licence)],
        )
    own, *others = components.values()
    bom = Bom(components=others)
    bom.metadata.component = own
    for crate in components:
        bom.register_dependency(components[crate], [components[used] for by, used in uses if by == crate])
    return bom, licences


def problems(function, licences, text, binary):
    """What is wrong with a bill."""
    invalid = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if invalid:
        yield f"is not CycloneDX 1.6: {invalid}"
    if next(iter(licences))[0] != function or not any(name == "usecases" for name, _ in licences):
        yield "is not about the function"
    for (name, version), licence in licences.items():
        if not licence or ("GPL" in licence and " OR " not in licence):
            yield f"{name} {version} has the licence {licence!r}"
    if binary and binary.is_file():
        named = set(re.findall(rb"/registry/src/[^/]+/([\w-]+?)-(\d+\.\d+\.\d+[0-9A-Za-z.+-]*)/src/", binary.read_bytes()))
        if not named:
            yield f"{binary} names none of its crates"
        for name, version in sorted(named):
            if (name.decode(), version.decode()) not in licences:
                yield f"{name.decode()} {version.decode()} is in the binary and not in the bill"


def main(folder, binaries=None):
    folder.mkdir(parents=True, exist_ok=True)
    (functions, target), known, wrong = deployed(), checksums(), 0
    for function in functions:
        bom, licences = bill(function, target, known)
        text = JsonV1Dot6(bom).output_as_string(indent=1)
        path = folder / f"{function}.cdx.json"
        path.write_text(text + "\n")
        found = list(problems(function, licences, text, binaries and binaries / function))
        wrong += len(found)
        print(f"{path.name}: {len(licences)} crates", *found, sep="\n  ")
    if len(functions) < 11:
        wrong += 1
        print(f"template.yaml names only {len(functions)} functions")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
