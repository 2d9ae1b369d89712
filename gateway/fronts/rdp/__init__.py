"""The RDP front: native clients over TLS and CredSSP, and browsers over RDCleanPath."""
