"""Checks documents with tools that others wrote: check_documents.py spdx|provenance FILE...

spdx: the package URLs of an SPDX document come back from packageurl-python as they are (the document itself is pyspdxtools').
provenance: a statement, and its predicate, by the in-toto project's own types; one a line where a file has several.
"""

import json
import sys

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from packageurl import PackageURL


def statement(text):
    # Unknown fields and wrong types are errors of the parser.
    parsed = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    if parsed.predicate_type != "https://slsa.dev/provenance/v1":
        raise ValueError(f"the predicate is of the type {parsed.predicate_type}")
    predicate = json.dumps(json.loads(text)["predicate"])
    provenance = json_format.Parse(predicate, provenance_pb2.Provenance())
    definition = provenance.build_definition
    for name, value in [
        ("buildType", definition.build_type),
        ("externalParameters", definition.external_parameters.fields),
        ("builder.id", provenance.run_details.builder.id),
    ]:
        if not value:
            raise ValueError(f"{name} is required")
    for dependency in definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(dependency).validate()
        check_purl(dependency.uri)


def check_purl(text):
    if text.startswith("pkg:"):
        again = PackageURL.from_string(text).to_string()
        if again != text:
            raise ValueError(f"{text} is canonically {again}")


def spdx(text):
    for package in json.loads(text)["packages"]:
        for reference in package.get("externalRefs", []):
            if reference["referenceType"] == "purl":
                check_purl(reference["referenceLocator"])


def main():
    kind, *files = sys.argv[1:]
    for file in files:
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        try:
            if kind == "spdx":
                spdx(text)
            else:
                lines = text.splitlines() if text.startswith('{"') else [text]
                for line in lines:
                    statement(line)
        except (ValueError, KeyError, json_format.ParseError) as error:
            sys.exit(f"{file}: {error}")


main()
