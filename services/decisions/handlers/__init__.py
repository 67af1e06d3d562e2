"""The use cases: load, decide, save. Each works in the transaction that its edge opened, and takes ``now`` from there."""
