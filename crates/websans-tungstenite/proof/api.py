"""The public API of a crate as lines, from rustdoc's JSON.

Each line is what another crate can depend on: a path, its signature, an implementation of a trait. Two
crates with the same lines can stand in for each other. What does not matter is written alike: where
bounds stand, what arguments are called, through which alias a `Result` is named.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

AUTO_TRAITS = {"Send", "Sync", "Unpin", "UnwindSafe", "RefUnwindSafe"}


def document(manifest: Path, target: Path, features: list[str], library: str = "tungstenite") -> dict[str, Any]:
    """rustdoc's JSON of the library of a package."""
    command = ["cargo", "rustdoc", "--quiet", "--lib", "--manifest-path", str(manifest), *features]
    command += ["--", "-Z", "unstable-options", "--output-format", "json", "--document-hidden-items", "--cap-lints", "allow"]
    # The format is not stable; what is compared comes from one compiler.
    env = {**os.environ, "RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_DIR": str(target)}
    subprocess.run(command, check=True, env=env)
    return json.loads((target / f"doc/{library}.json").read_text())


class Api:
    def __init__(self, doc: dict[str, Any], library: str = "tungstenite") -> None:
        self.index = doc["index"]
        self.library = library
        self.summaries = doc["paths"]
        self.names: dict[str, str] = {}  # the shortest public path of each item
        self.places: list[tuple[str, str]] = []  # every public path
        self.walk(str(doc["root"]), library)
        for path, id in self.places:
            if id not in self.names or len(path) < len(self.names[id]):
                self.names[id] = path

    def walk(self, id: str, path: str) -> None:
        for child_id in self.index[id]["inner"]["module"]["items"]:
            child = self.index.get(str(child_id))
            if child is not None and child["visibility"] == "public":
                self.enter(child, str(child_id), path)

    def enter(self, item: dict[str, Any], id: str, path: str) -> None:
        kind, inner = next(iter(item["inner"].items()))
        if kind == "use":
            target = str(inner["id"])
            if inner["is_glob"]:
                self.walk(target, path)
            elif target in self.index:
                self.enter({**self.index[target], "name": inner["name"]}, target, path)
            else:
                self.places.append((f"{path}::{inner['name']} = {inner['source']}", target))
            return
        place = f"{path}::{item['name']}"
        if (place, id) in self.places:
            return
        self.places.append((place, id))
        if kind == "module":
            self.walk(id, place)

    def lines(self) -> set[str]:
        lines: set[str] = set()
        for path, id in self.places:
            if id not in self.index:
                lines.add(f"use {path}")
                continue
            kind, inner = next(iter(self.index[id]["inner"].items()))
            lines.add(f"{kind} {path}")
            if "non_exhaustive" in str(self.index[id].get("attrs")):
                lines.add(f"non_exhaustive {path}")
            if path == self.names[id]:  # what it has is told once
                getattr(self, f"of_{kind}", lambda *_: None)(path, inner, lines)
        return lines

    # --- Items

    def of_function(self, path: str, inner: dict[str, Any], lines: set[str]) -> None:
        lines.add(f"fn {path}{self.signature(inner)}")

    def of_type_alias(self, path: str, inner: dict[str, Any], lines: set[str]) -> None:
        lines.add(f"type {path}{self.generics(inner['generics'])} = {self.type(inner['type'])}")

    def of_constant(self, path: str, inner: dict[str, Any], lines: set[str]) -> None:
        lines.add(f"const {path}: {self.type(inner['type'])}")

    def of_struct(self, path: str, inner: dict[str, Any], lines: set[str]) -> None:
        lines.add(f"struct {path}{self.generics(inner['generics'])}")
        kind = inner["kind"]
        if isinstance(kind, dict) and "plain" in kind:
            self.fields(path, kind["plain"]["fields"], lines)
        elif kind == "unit":
            lines.add(f"unit struct {path}")
        self.impls(path, inner["impls"], lines)

    def of_enum(self, path: str, inner: dict[str, Any], lines: set[str]) -> None:
        lines.add(f"enum {path}{self.generics(inner['generics'])}")
        for id in inner["variants"]:
            variant = self.index[str(id)]
            kind = variant["inner"]["variant"]["kind"]
            place = f"{path}::{variant['name']}"
            if kind == "plain":
                lines.add(f"variant {place}")
            elif "tuple" in kind:
                types = [self.type(self.index[str(f)]["inner"]["struct_field"]) for f in kind["tuple"]]
                lines.add(f"variant {place}({', '.join(types)})")
            else:
                lines.add(f"variant {place} {{}}")
                self.fields(place, kind["struct"]["fields"], lines)
        self.impls(path, inner["impls"], lines)

    def of_trait(self, path: str, inner: dict[str, Any], lines: set[str]) -> None:
        lines.add(f"trait {path}{self.generics(inner['generics'])}: {self.bounds(inner['bounds'])}")
        for id in inner["items"]:
            item = self.index[str(id)]
            kind, of_item = next(iter(item["inner"].items()))
            if kind == "function":
                provided = "provided " if of_item["has_body"] else ""
                lines.add(f"{provided}fn {path}::{item['name']}{self.signature(of_item)}")
            else:
                lines.add(f"{kind} {path}::{item['name']}: {self.bounds(of_item.get('bounds', []))}")
        for id in inner["implementations"]:
            implementation = self.index.get(str(id))
            if implementation:
                self.implementation(implementation["inner"]["impl"], lines)

    def fields(self, path: str, ids: list[int], lines: set[str]) -> None:
        for id in ids:
            field = self.index.get(str(id))
            if field and field["visibility"] in ("public", "default"):
                lines.add(f"field {path}.{field['name']}: {self.type(field['inner']['struct_field'])}")

    def impls(self, path: str, ids: list[int], lines: set[str]) -> None:
        for id in ids:
            implementation = self.index.get(str(id))
            if implementation is None:
                continue
            inner = implementation["inner"]["impl"]
            if inner["trait"] is not None:
                self.implementation(inner, lines)
                continue
            bounds = self.generics(inner["generics"])
            for item_id in inner["items"]:
                item = self.index[str(item_id)]
                if item["visibility"] != "public":
                    continue
                kind, of_item = next(iter(item["inner"].items()))
                if kind == "function":
                    signature = re.sub(r"\bSelf\b", path, self.signature(of_item))
                    lines.add(f"fn {path}::{item['name']}{signature}")
                    if bounds:
                        lines.add(f"fn {path}::{item['name']} where {bounds}")
                else:
                    lines.add(f"{kind} {path}::{item['name']}")

    def implementation(self, inner: dict[str, Any], lines: set[str]) -> None:
        if inner["blanket_impl"] is not None:
            return
        name = inner["trait"]["path"].rsplit("::")[-1]
        if inner["is_synthetic"] and name not in AUTO_TRAITS:
            return
        if name in ("StructuralPartialEq", "Freeze", "UnsafeUnpin"):
            return
        sign = "!" if inner["is_negative"] else ""
        # Bounds of the auto traits say what is in private fields.
        generics = "" if inner["is_synthetic"] else self.generics(inner["generics"])
        lines.add(f"impl {sign}{self.path(inner['trait'])} for {self.type(inner['for'])}{generics}")

    # --- Types

    def signature(self, inner: dict[str, Any]) -> str:
        sig, header = inner["sig"], inner["header"]
        inputs = ", ".join(self.type(type) for _, type in sig["inputs"])
        output = f" -> {self.type(sig['output'])}" if sig["output"] else ""
        unsafe = "unsafe " if header["is_unsafe"] else ""
        const = "const " if header["is_const"] else ""
        return f"({inputs}){output} {const}{unsafe}{self.generics(inner['generics'])}".rstrip()

    def generics(self, generics: dict[str, Any]) -> str:
        bounds: set[str] = set()
        for param in generics["params"]:
            kind, inner = next(iter(param["kind"].items()))
            if kind == "lifetime" or inner.get("is_synthetic"):
                continue
            bounds.add(param["name"])
            bounds.update(f"{param['name']}: {self.bound(b)}" for b in inner.get("bounds", []))
        for predicate in generics["where_predicates"]:
            kind, inner = next(iter(predicate.items()))
            if kind == "bound_predicate":
                bounds.update(f"{self.type(inner['type'])}: {self.bound(b)}" for b in inner["bounds"])
            else:
                bounds.add(kind)
        return f"<{', '.join(sorted(bounds))}>" if bounds else ""

    def bounds(self, bounds: list[dict[str, Any]]) -> str:
        return " + ".join(sorted(self.bound(b) for b in bounds))

    def bound(self, bound: dict[str, Any]) -> str:
        kind, inner = next(iter(bound.items()))
        return self.path(inner["trait"]) if kind == "trait_bound" else f"{kind} {inner}"

    def path(self, path: dict[str, Any]) -> str:
        id = str(path["id"])
        summary = self.summaries.get(id)
        name = self.names.get(id) or ("::".join(summary["path"]) if summary else path["path"])
        args = self.args(path.get("args"))
        if name.endswith("::Result"):
            name = "Result"
            if len(args) == 1 and "io" not in path["path"].lower():
                args.append(f"{self.library}::Error")
        return f"{name}<{', '.join(args)}>" if args else name

    def args(self, args: dict[str, Any] | None) -> list[str]:
        if not args:
            return []
        if "parenthesized" in args:
            inner = args["parenthesized"]
            output = f" -> {self.type(inner['output'])}" if inner["output"] else ""
            return [f"({', '.join(self.type(t) for t in inner['inputs'])}){output}"]
        inner = args["angle_bracketed"]
        given = [self.type(arg["type"]) for arg in inner["args"] if isinstance(arg, dict) and "type" in arg]
        given += [arg["const"]["expr"] for arg in inner["args"] if isinstance(arg, dict) and "const" in arg]
        for constraint in inner["constraints"]:
            kind, value = next(iter(constraint["binding"].items()))
            text = self.type(value["type"]) if kind == "equality" else self.bounds(value)
            given.append(f"{constraint['name']} = {text}")
        return given

    def type(self, type: dict[str, Any]) -> str:
        kind, inner = next(iter(type.items()))
        if kind == "resolved_path":
            return self.path(inner)
        if kind in ("generic", "primitive"):
            return inner
        if kind == "borrowed_ref":
            return f"&{'mut ' if inner['is_mutable'] else ''}{self.type(inner['type'])}"
        if kind == "tuple":
            return f"({', '.join(self.type(t) for t in inner)})"
        if kind == "slice":
            return f"[{self.type(inner)}]"
        if kind == "array":
            return f"[{self.type(inner['type'])}; {inner['len']}]"
        if kind == "impl_trait":
            return f"impl {self.bounds(inner)}"
        if kind == "qualified_path":
            trait = inner["trait"]
            of = f" as {self.path(trait)}" if trait and trait["path"] else ""
            return f"<{self.type(inner['self_type'])}{of}>::{inner['name']}"
        if kind == "dyn_trait":
            return f"dyn {' + '.join(self.path(t['trait']) for t in inner['traits'])}"
        return json.dumps(type, sort_keys=True)
