"""Rules of administrators and subscriptions of users: listed, made, changed by version, removed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from asynctask.adapters.archive import Transaction, notifyrules
from asynctask.adapters.archive.notifyrules import MAX_OF_OWNER, MAX_RULES, StoredRule
from asynctask.core.notifications.rules import Rule, Wish
from asynctask.gateway.front import matching, onces
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.notifications.common import TooManyRules, reading, writing
from asynctask.gateway.front.notifications.models import (
    KeptRule,
    KeptSubscription,
    NewRule,
    NewSubscription,
    Rules,
    Subscriptions,
)
from asynctask.gateway.front.operations import Answer
from asynctask.gateway.front.problems import NotFound, PreconditionFailed

RESOURCE = "notificationrules"


@dataclass(frozen=True)
class Rulebook:
    """One of the two kinds. `is_own`: the caller's subscriptions; the others need the right to `notificationrules`."""

    is_own: bool

    async def listed(self, call: Call) -> Subscriptions | Rules:
        """All that the caller may see."""
        if self.is_own:
            async with reading(call) as connection:
                found = await notifyrules.all_rules(connection, call.caller.name)
            return Subscriptions(items=[_subscription(each) for each in found])
        visible = await call.namespaces("list", RESOURCE)
        async with reading(call) as connection:
            found = await notifyrules.all_rules(connection, "")
        return Rules(items=[_rule(each) for each in found if visible is None or each.namespace in visible])

    async def get(self, call: Call) -> Answer:
        """One."""
        async with reading(call) as connection:
            found = await self._found(connection, call, "get")
        return self._answer(found)

    async def create(self, call: Call) -> Answer:
        """Make one."""
        body: NewSubscription | NewRule = call.body
        namespace, now = body.namespace or "", call.desk.now()
        if not self.is_own:
            await call.authorize("create", RESOURCE, namespace)
        elif namespace:
            await call.authorize("list", "asynctasks", namespace)
        owner, limit = (call.caller.name, MAX_OF_OWNER) if self.is_own else ("", MAX_RULES // 2)
        stored = StoredRule(
            rule_id=onces.new_id(call),
            owner=owner,
            namespace=namespace,
            name=body.name,
            version=1,
            rule=self._as_rule(call, body.rule),
            changed_by=call.caller.name,
            created=now,
            changed=now,
            identity=self._identity(call),
        )
        async with writing(call) as transaction:
            if call.repeats and (made := await notifyrules.find(transaction, stored.rule_id)):
                self._audit(call, "create", made, after=made)
                return replace_status(self._answer(made), 201)
            if await notifyrules.count(transaction, owner) >= limit:
                raise TooManyRules(max=limit)
            await notifyrules.add(transaction, stored)
        self._audit(call, "create", stored, after=stored)
        return replace_status(self._answer(stored), 201)

    async def replace(self, call: Call) -> Answer:
        """Change one."""
        body: NewSubscription | NewRule = call.body
        wanted = matching.wanted(call)
        async with reading(call) as connection:
            before = await self._found(connection, call, "update")
        namespace = body.namespace or ""
        if namespace != before.namespace:  # into another namespace takes the right to make one there
            await call.authorize(*(("list", "asynctasks") if self.is_own else ("create", RESOURCE)), namespace)
        if wanted and wanted != str(before.version):
            raise PreconditionFailed
        after = replace(
            before,
            namespace=namespace,
            name=body.name,
            version=before.version + 1,
            rule=self._as_rule(call, body.rule),
            changed_by=call.caller.name,
            changed=call.desk.now(),
            identity=self._identity(call),
        )
        async with writing(call) as transaction:
            if not await notifyrules.replace(transaction, after, before.version):
                raise PreconditionFailed
        self._audit(call, "update", after, before=before, after=after)
        return self._answer(after)

    async def remove(self, call: Call) -> None:
        """Take one away."""
        async with reading(call) as connection:
            found = await self._found(connection, call, "delete")
        async with writing(call) as transaction:
            if not await notifyrules.remove(transaction, found.rule_id):
                raise NotFound
        self._audit(call, "delete", found, before=found)

    async def _found(self, connection: Transaction, call: Call, verb: str) -> StoredRule:
        found = await notifyrules.find(connection, call.path["rule_id"])
        if self.is_own:
            if found is None or found.owner != call.caller.name:
                raise NotFound
        elif found is None or found.owner:
            await call.missing(RESOURCE)
        else:
            await call.authorize(verb, RESOURCE, found.namespace, found.rule_id)
        return found

    def _as_rule(self, call: Call, wish: Wish) -> Rule:
        if isinstance(wish, Rule):
            return wish
        return Rule(**{name: getattr(wish, name) for name in Wish.model_fields}, to=(f"user:{call.caller.name}",))

    def _identity(self, call: Call) -> Mapping[str, Any]:
        """Whose rights are asked each time a subscription tells."""
        if not self.is_own:
            return {}
        caller = call.caller
        return {"groups": list(caller.groups), "extra": {name: list(each) for name, each in caller.extra.items()}}

    def _answer(self, stored: StoredRule) -> Answer:
        shown = _subscription(stored) if self.is_own else _rule(stored)
        return Answer(shown, headers=matching.etag(str(stored.version)))

    def _audit(
        self,
        call: Call,
        action: str,
        rule: StoredRule,
        before: StoredRule | None = None,
        after: StoredRule | None = None,
    ) -> None:
        call.audit(
            action,
            namespace=rule.namespace,
            kind="NotificationSubscription" if self.is_own else "NotificationRule",
            name=rule.name,
            uid=rule.rule_id,
            before=before.rule.model_dump(mode="json", exclude_defaults=True) if before else None,
            after=after.rule.model_dump(mode="json", exclude_defaults=True) if after else None,
        )


def replace_status(answer: Answer, status: int) -> Answer:
    """The same answer with another status."""
    return replace(answer, status=status)


def _common(stored: StoredRule) -> dict[str, Any]:
    return {
        "id": stored.rule_id,
        "name": stored.name,
        "namespace": stored.namespace or None,
        "version": str(stored.version),
        "create_time": stored.created,
        "change_time": stored.changed,
        "changed_by": stored.changed_by,
    }


def _subscription(stored: StoredRule) -> KeptSubscription:
    wish = Wish(**{name: getattr(stored.rule, name) for name in Wish.model_fields})
    return KeptSubscription(**_common(stored), rule=wish)


def _rule(stored: StoredRule) -> KeptRule:
    return KeptRule(**_common(stored), rule=stored.rule)
