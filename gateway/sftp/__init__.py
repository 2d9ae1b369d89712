"""SFTP version 3 (draft-ietf-secsh-filexfer-02), scp and rsync command lines, without I/O. Imports the floor alone."""
