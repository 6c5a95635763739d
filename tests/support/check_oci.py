"""Checks the documents of an OCI layout with the schemas of the image specification, as Debian packages them.

check_oci.py LAYOUT: every document that index.json leads to; ends with 1 and says what is wrong.
"""

import hashlib
import json
import pathlib
import sys

import jsonschema

SCHEMAS = pathlib.Path("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema")
INDEX = "application/vnd.oci.image.index.v1+json"


def without_ids(value):
    """Names that the schemas give their parts would change what references are relative to."""
    if isinstance(value, dict):
        return {key: without_ids(one) for key, one in value.items() if not (key == "id" and isinstance(one, str))}
    return [without_ids(one) for one in value] if isinstance(value, list) else value


def schema(name):
    return without_ids(json.loads((SCHEMAS / name).read_text()))


STORE = {(SCHEMAS / path.name).as_uri(): schema(path.name) for path in SCHEMAS.glob("*.json")}


def check(name, document, what):
    base = (SCHEMAS / name).as_uri()
    resolver = jsonschema.RefResolver(base, STORE[base], store=STORE)
    validator = jsonschema.Draft4Validator(STORE[base], resolver=resolver)
    faults = [f"{what}: {'/'.join(map(str, fault.path))}: {fault.message}" for fault in validator.iter_errors(document)]
    if faults:
        sys.exit("\n".join(faults))


def blob(layout, descriptor):
    algorithm, digest = descriptor["digest"].split(":")
    data = (layout / "blobs" / algorithm / digest).read_bytes()
    if hashlib.new(algorithm, data).hexdigest() != digest or len(data) != descriptor["size"]:
        sys.exit(f"{descriptor['digest']}: other bytes")
    return data


def main(layout):
    check("image-layout-schema.json", json.loads((layout / "oci-layout").read_text()), "oci-layout")
    index = json.loads((layout / "index.json").read_text())
    check("image-index-schema.json", index, "index.json")
    count = 0
    open_ = list(index["manifests"])
    while open_:
        descriptor = open_.pop()
        document = json.loads(blob(layout, descriptor))
        if descriptor["mediaType"] == INDEX:
            check("image-index-schema.json", document, "an index")
            open_ += document["manifests"]
            continue
        check("image-manifest-schema.json", document, "a manifest")
        check("config-schema.json", json.loads(blob(layout, document["config"])), "a configuration")
        for layer in document["layers"]:
            check("content-descriptor.json", layer, "a layer")
            blob(layout, layer)
        count += 1
    if count == 0:
        sys.exit("there is no image")
    print(f"{count} images")


main(pathlib.Path(sys.argv[1]))
