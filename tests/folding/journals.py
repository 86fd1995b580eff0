"""A store's writes in a list, for tests of what reads them."""

from shelfspace.store.records import Record, Write


class Journal:
    """The parts of a store that folding reads; `forget` takes rows out, as a store does."""

    def __init__(self, *writes: Write, at: float = 2e9) -> None:
        self.at = at
        self.records: list[Record] = []
        self.last = 0
        self.add(*writes)

    def add(self, *writes: Write) -> None:
        """Keep writes."""
        for write in writes:
            self.last += 1
            self.records.append(
                Record(
                    write.kind,
                    write.action,
                    write.item_id,
                    write.user_id,
                    write.event_id,
                    write.body,
                    seq=self.last,
                    at=self.at,
                )
            )

    def since(self, seq: int, *, limit: int = 10_000) -> list[Record]:
        """Return what came after a write."""
        return [record for record in self.records if record.seq > seq][:limit]

    def latest(self) -> int:
        """Return the last number."""
        return self.last

    def fingerprint(self, user_id: str) -> str:
        """Return what stands for somebody."""
        return f"mark of {user_id}"

    def forget(self, user_id: str, *, rows: bool = True) -> None:
        """Forget somebody; without `rows` what they did is still there, as for a reader that was quicker."""
        if rows:
            self.records = [record for record in self.records if record.user_id != user_id]
        self.add(Write("user", "forget", body={"fingerprint": self.fingerprint(user_id)}))


def event(item: str, user: str | None = None, **body: object) -> Write:
    """Return an event."""
    return Write("event", "add", item, user, body=body)
