"""Sluicegate: approved, time-boxed, recorded remote access to the engineering workstations of industrial plants."""
