"""Checks a Five Safes RO-Crate in its zip: one bag in it, every sum, and the crate by roc-validator.

    crate.py CONTEXT PROFILES ZIP

CONTEXT is the JSON-LD context of RO-Crate 1.2, for nothing is fetched; PROFILES a folder with the Five Safes profile.
Ends with one line, and with 0 if that begins with OK.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path

import bagit
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

CONTEXT = "https://w3id.org/ro/crate/1.2/context"


class Known:
    """The one answer there is without a network."""

    headers = {"Content-Type": "application/ld+json"}

    def __init__(self, text):
        self.text, self.content, self.status_code, self.ok = text, text.encode(), 200, True

    def json(self):
        return json.loads(self.text)


class Unknown(Known):
    def __init__(self):
        super().__init__("")
        self.status_code, self.ok = 504, False


def refuse(why):
    sys.exit(print(why) or 1)


def validate(crate, profile, profiles):
    settings = services.ValidationSettings(
        rocrate_uri=crate,
        profile_identifier=profile,
        extra_profiles_path=profiles,
        requirement_severity=models.Severity.REQUIRED,
        offline=True,
    )
    issues = services.validate(settings).get_issues()
    if issues:
        refuse("CRATE " + "; ".join(sorted({" ".join(issue.message.split()) for issue in issues})))


def main():
    context, profiles, archive = map(Path, sys.argv[1:])
    known = Known(context.read_text())
    assert known.json()["@id"] == CONTEXT, "another context"
    answer = lambda self, url, **_: known if url == CONTEXT else Unknown()
    HttpRequester.get = HttpRequester.head = answer
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(archive).extractall(folder)
        bags = list(Path(folder).iterdir())
        if len(bags) != 1:
            refuse("ZIP more than one folder at its top")
        try:
            bag = bagit.Bag(str(bags[0]))
            bag.validate()
        except bagit.BagError as why:
            refuse(f"BAG {why}")
        if bag.algorithms != ["sha512"] or not bag.info.get("External-Identifier", "").startswith("urn:uuid:"):
            refuse("BAG not SHA-512, or without an identifier")
        validate(bags[0] / "data", "five-safes-crate", profiles)
        validate(bags[0] / "data/workflow", "ro-crate-1.2", profiles)
        print("OK", len(list(bag.payload_files())), "files")


main()
