"""Reads YAML documents from standard input and answers in JSON, for tests that have no YAML parser.

``manifests.py parse`` answers the documents. ``manifests.py check 1.27 1.37`` holds them to the strict schemas of these releases of
Kubernetes and answers ``[{"version", "kind", "name", "problem"}]``; ``problem`` is ``null`` for kinds that Kubernetes itself has not.
A key that is there twice in one mapping is an error, as it is for ``helm install``.
"""

import json
import sys

import yaml


class StrictLoader(yaml.SafeLoader):
    """Refuses duplicate keys, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def problems(documents, versions):
    """Every document against every version."""
    import kubernetes_validate

    for version in versions:
        for document in documents:
            found = {"version": version, "kind": document.get("kind"), "name": document.get("metadata", {}).get("name")}
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.SchemaNotFoundError:
                yield {**found, "problem": None}
            except kubernetes_validate.ValidationError as error:
                yield {**found, "problem": f"{'.'.join(map(str, error.path))}: {error.message}"}


def main(command, *versions):
    documents = [document for document in yaml.load_all(sys.stdin, StrictLoader) if document is not None]
    json.dump(documents if command == "parse" else list(problems(documents, versions)), sys.stdout, default=str)


if __name__ == "__main__":
    main(*sys.argv[1:])
