"""API tokens, and answers kept for who asks the same again

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

import gateway.store.base

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("scopes", sa.String(length=128), nullable=False),
        sa.Column("roles", sa.String(length=128), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("made", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.Column("life_wall", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.Column("life_boot", sa.BigInteger(), nullable=False),
        sa.Column("life_boot_id", sa.String(length=64), nullable=False),
        sa.Column("revoked", gateway.store.base.Utc(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_api_token_person_person")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_api_token")),
        sa.UniqueConstraint("id", name=op.f("uq_api_token_id")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_life_wall"), ["life_wall"], unique=False)
        batch_op.create_index(batch_op.f("ix_api_token_person"), ["person"], unique=False)
    op.create_table(
        "api_token_use",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("at", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token"], ["api_token.id"], name=op.f("fk_api_token_use_token_api_token")),
        sa.PrimaryKeyConstraint("token", "source", name=op.f("pk_api_token_use")),
    )
    op.create_table(
        "api_answer",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("asked", sa.String(length=64), nullable=False),
        sa.Column("at", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("etag", sa.String(length=128), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_api_answer")),
    )
    with op.batch_alter_table("api_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_answer_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_api_answer_person"), ["person"], unique=False)
