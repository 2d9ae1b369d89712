"""The catalogue of audit events (C72), one file a subject; code numbers:
1 identity, 2 inventory, 3 access, 4 sessions, 5 recording, 6 system, 7 policy."""
