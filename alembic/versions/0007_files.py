"""the ledger of files

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

import gateway.store.base

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_file",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("grant", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("ranges", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("opened", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.Column("closed", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided", gateway.store.base.Utc(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_session_file")),
        sa.UniqueConstraint("id", name=op.f("uq_session_file_id")),
    )
    with op.batch_alter_table("session_file", schema=None) as batch_op:
        for column in ("grant", "person", "session", "sha256", "target", "verdict"):
            batch_op.create_index(batch_op.f(f"ix_session_file_{column}"), [column], unique=False)
