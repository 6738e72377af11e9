"""The contacts API of the simulated brand (vendors/rechat.md §3, §7–§9, §11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncd.sandbox.message import Ask, Reply, Route, Rows
from syncd.sandbox.rechat.ids import BRAND, Refused, checked
from syncd.sandbox.rechat.routing import associations
from syncd.sandbox.rechat.search import find, values
from syncd.sandbox.rechat.store import Contact, Store

SECTIONS = (
    "contact.attributes",
    "contact.user",
    "contact.assignees",
    "contact_role.user",
    "contact_attribute.attribute_def",
)
Shape = tuple[str, ...]
BLANK = (
    "last_touch", "last_touch_action", "next_touch", "touch_freq", "ios_address_book_id", "android_address_book_id",
    "profile_image_url", "cover_image_url",
)  # fmt: skip
"""Keys of the summary that nobody here ever fills."""


class Contacts:
    """Reading and writing contacts."""

    def __init__(
        self,
        store: Store,
        switches: Mapping[str, Any],
        captures: Mapping[str, str],
        listed: Callable[..., Reply],
    ) -> None:
        """``captures``: id of a capture → its contact; ``listed`` makes an answer of a page and the total."""
        self._store, self._switches, self._captures, self._listed = store, switches, captures, listed
        self._rows = Rows(self._shown_as)
        self._shapes: set[Shape] = set()
        store.touched = self._touch

    def routes(self) -> list[Route]:
        """The endpoints, most specific first."""
        return [
            Route("GET", "/contacts", self._list),
            Route("POST", "/contacts", self._create),
            Route("POST", "/contacts/filter", self._list, write=False),
            Route("GET", "/contacts/attribute_defs", self._definitions),
            Route("GET", "/contacts/tags", self._tags),
            Route("POST", "/contacts/tags", self._make_tag),
            Route("GET", "/contacts/{id}", self._one),
            Route("PATCH", "/contacts/{id}", self._patch),
            Route("DELETE", "/contacts/{id}", self._delete),
            Route("POST", "/contacts/{id}/attributes", self._add_rows),
            Route("PUT", "/contacts/{id}/attributes/{row}", self._put_row),
            Route("DELETE", "/contacts/{id}/attributes/{row}", self._drop_row),
            Route("PUT", "/contacts/{id}/assignees", self._assign),
            Route("PUT", "/leads/{id}/assignees", self._assign_by_lead),
        ]

    # Reading.

    def _list(self, ask: Ask) -> Reply:
        body = (ask.json() if ask.method == "POST" else None) or {}
        if not isinstance(body, Mapping):
            raise Refused("Invalid filter")
        page, total = find(self._store, ask, body, self._switches["ignored"])
        shape = self._shape(ask)
        return self._listed([self._rows((contact.id, shape)) for contact in page], "contacts", total)

    def _one(self, ask: Ask) -> Reply:
        found = self._store.contacts.get(checked(ask.params["id"]))
        if found is not None and found.deleted_at and self._switches["show_deleted"] and not found.hidden:
            return _ok(self._shown(found, self._shape(ask)))
        return _ok(self._shown(self._store.contact(ask.params["id"]), self._shape(ask)))

    def _definitions(self, _ask: Ask) -> Reply:
        return self._listed(list(self._store.definitions.values()), "definitions")

    def _tags(self, _ask: Ask) -> Reply:
        rows = [{"id": name, "tag": name, "text": name, "touch_freq": None, "type": "crm_tag"}
                for name in self._store.tags.values()]  # fmt: skip
        return self._listed(rows, "tags")

    def _make_tag(self, ask: Ask) -> Reply:
        name = _object(ask).get("tag")
        if not isinstance(name, str) or not name:
            raise Refused("Invalid tag")
        if name.casefold() in self._store.tags:
            raise Refused("Tag exists", 409, "Conflict")
        self._store.tags[name.casefold()] = name
        return _ok({"id": name, "tag": name, "text": name, "touch_freq": None, "type": "crm_tag"})

    # Writing.

    def _create(self, ask: Ask) -> Reply:
        rows = _object(ask).get("contacts")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
            raise Refused("Invalid contacts")
        made = []
        for row in rows:
            user = self._store.known_user(row["user"]) if row.get("user") else next(iter(self._store.users))
            made.append(self._store.create(row.get("attributes") or [], user))
        if ask.one("get") != "true":
            return _ok([contact.id for contact in made])
        return _ok([self._shown(contact, self._shape(ask)) for contact in made])

    def _patch(self, ask: Ask) -> Reply:
        contact, body = self._store.contact(ask.params["id"]), _object(ask)
        user = self._store.known_user(body["user"]) if body.get("user") else contact.user
        if body.get("attributes"):
            self._store.write(contact, body["attributes"])
        contact.user = user
        self._store.moved(contact)
        return _ok(self._shown(contact, self._shape(ask)))

    def _delete(self, ask: Ask) -> Reply:
        contact = self._store.contact(ask.params["id"])
        contact.deleted_at = self._store.moments.now()
        self._store.moved(contact)
        return Reply(None, 204)

    def _add_rows(self, ask: Ask) -> Reply:
        contact = self._store.contact(ask.params["id"])
        rows = _object(ask).get("attributes")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
            raise Refused("Invalid attributes")
        written = self._store.write(contact, [{k: v for k, v in row.items() if k != "id"} for row in rows])
        self._store.moved(contact)
        return self._answered(contact, written, ask)

    def _put_row(self, ask: Ask) -> Reply:
        contact = self._store.contact(ask.params["id"])
        written = self._store.write(contact, [{**_object(ask), "id": checked(ask.params["row"])}])
        self._store.moved(contact)
        return self._answered(contact, written[0], ask)

    def _drop_row(self, ask: Ask) -> Reply:
        contact = self._store.contact(ask.params["id"])
        self._store.remove(contact, ask.params["row"])
        self._store.moved(contact)
        return Reply(None, 204) if self._switches["row_answer"] == "contact" else _ok({})

    def _answered(self, contact: Contact, rows: Any, ask: Ask) -> Reply:
        if self._switches["row_answer"] == "contact":
            return _ok(self._shown(contact, (*self._shape(ask), "contact.attributes")))
        return _ok(rows)

    def _assign(self, ask: Ask) -> Reply:
        if self._switches["assignee_path"] == "leads":
            raise Refused("Not found", 404, "ResourceNotFound")
        contact = self._store.contact(ask.params["id"])
        rows = _object(ask).get("assignees")
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) and row.get("brand") for row in rows):
            raise Refused("Invalid assignees")
        self._set(contact, [self._store.known_user(row.get("user")) for row in rows])
        if self._switches["assignee_answer"] == "contact":
            return _ok(self._shown(contact, self._shape(ask)))
        return Reply(None, 204)

    def _assign_by_lead(self, ask: Ask) -> Reply:
        contact = self._store.contact(self._captures.get(ask.params["id"], ask.params["id"]))
        rows = ask.json()
        by_email = {user["email"].lower(): who for who, user in self._store.users.items()}
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) and row.get("email") for row in rows):
            raise Refused("Invalid assignees")
        self._set(contact, [by_email[e] for row in rows if (e := str(row["email"]).lower()) in by_email])
        return Reply({"success": True})

    def _set(self, contact: Contact, users: Sequence[str]) -> None:
        contact.assignees = {user: contact.assignees.get(user) or self._store.ids() for user in users}
        if self._switches["assignees_move"]:
            self._store.moved(contact)
        self._store.touched(contact.id)

    # Shapes.

    def _touch(self, contact: str) -> None:
        for shape in self._shapes:
            self._rows.touch((contact, shape))

    def _shape(self, ask: Ask) -> Shape:
        asked = associations(ask)
        shape = tuple(name for name in SECTIONS if name in asked)
        self._shapes.add(shape)
        return shape

    def _shown_as(self, key: tuple[str, Shape]) -> dict[str, Any]:
        return self._shown(self._store.contacts[key[0]], key[1])

    def _shown(self, contact: Contact, shape: Shape) -> dict[str, Any]:
        shown = {**summary(contact), "user_id": contact.user}
        if self._switches["tags_null"] and not shown["tags"]:
            shown["tags"] = None
        if "contact.attributes" in shape:
            shown["attributes"] = [self._row(row, shape) for row in reversed(contact.rows.values())]
        if "contact.user" in shape:
            shown["user"] = self._store.users[contact.user]
        if "contact.assignees" in shape:
            shown["assignees"] = [
                {
                    "id": role,
                    "type": "contact_role",
                    "role": "assignee",
                    "user": self._store.users[user] if "contact_role.user" in shape else user,
                    "brand": BRAND,
                }
                for user, role in contact.assignees.items()
            ]
        return shown

    def _row(self, row: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
        shown = dict(row)
        if "contact_attribute.attribute_def" in shape:
            shown["attribute_def"] = self._store.definitions[row["attribute_def"]]
        if self._switches["sparse_rows"]:
            shown = {key: value for key, value in shown.items() if value is not None or key == "attribute_type"}
        return shown


def summary(contact: Contact) -> dict[str, Any]:
    """A contact without associations: made of its rows."""

    def first(kind: str) -> str | None:
        rows = [row for row in contact.rows.values() if row["attribute_type"] == kind and not row["is_partner"]]
        rows.sort(key=lambda row: (not row["is_primary"], row["created_at"], row["id"]))
        return rows[0]["text"] if rows else None

    def partner(kind: str) -> str | None:
        rows = (row for row in contact.rows.values() if row["attribute_type"] == kind and row["is_partner"])
        return next((row["text"] for row in rows), None)

    singles = ("title", "first_name", "middle_name", "last_name", "marketing_name", "nickname", "company", "job_title")
    names = " ".join(filter(None, (first("first_name"), first("last_name"))))
    partner_names = " ".join(filter(None, (partner("first_name"), partner("last_name")))) or None
    birthday = next((row["date"] for row in contact.rows.values() if row["attribute_type"] == "birthday"), None)
    return {
        "id": contact.id,
        "display_name": names or first("email") or first("phone_number") or "",
        **{kind: first(kind) for kind in (*singles, "website", "source", "source_type")},
        "email": first("email"),
        "primary_email": first("email"),
        "emails": values(contact, "email"),
        "phone_number": first("phone_number"),
        "primary_phone_number": first("phone_number"),
        "phone_numbers": values(contact, "phone_number"),
        "tags": values(contact, "tag"),
        "address": _address(contact),
        "birthday": birthday,
        "partner_name": partner_names,
        "partner_first_name": partner("first_name"),
        "partner_last_name": partner("last_name"),
        "partner_email": partner("email"),
        "brand": BRAND,
        "brand_id": BRAND,
        "parked": contact.parked,
        "sort_field": names,
        **dict.fromkeys(BLANK),
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "deleted_at": contact.deleted_at,
        "created_for": contact.created_for,
        "updated_for": contact.updated_for,
        "deleted_for": None,
        "type": "contact",
    }


def _address(contact: Contact) -> list[dict[str, Any]]:
    groups: dict[int, dict[str, str]] = {}
    for row in contact.rows.values():
        if row["attribute_type"] in {"street_name", "city", "state", "postal_code"} and not row["is_partner"]:
            groups.setdefault(row["index"] or 0, {})[row["attribute_type"]] = row["text"]
    keys = {"street_name": "name", "city": "city", "state": "state", "postal_code": "postcode"}
    return [
        {"type": "stdaddr", "full": ", ".join(parts.values()), **{keys[kind]: text for kind, text in parts.items()}}
        for _, parts in sorted(groups.items())
    ]


def _object(ask: Ask) -> Mapping[str, Any]:
    body = ask.json()
    if not isinstance(body, Mapping):
        raise Refused("Invalid body")
    return body


def _ok(data: Any) -> Reply:
    return Reply({"code": "OK", "data": data})
