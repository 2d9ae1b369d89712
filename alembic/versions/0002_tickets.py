"""tickets

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

import gateway.store.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("grant", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("web", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("proofs", sa.Text(), nullable=False),
        sa.Column("issued_to", sa.String(length=64), nullable=False),
        sa.Column("bound_to", sa.String(length=64), nullable=True),
        sa.Column("life_wall", gateway.store.base.Utc(timezone=True), nullable=False),
        sa.Column("life_boot", sa.BigInteger(), nullable=False),
        sa.Column("life_boot_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_ticket_person_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_grant"), ["grant"], unique=False)
        batch_op.create_index(batch_op.f("ix_ticket_life_wall"), ["life_wall"], unique=False)
        batch_op.create_index(batch_op.f("ix_ticket_person"), ["person"], unique=False)
