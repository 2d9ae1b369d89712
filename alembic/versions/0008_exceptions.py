"""exceptions are objects; those for old cryptography become such

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

import gateway.store.base

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# An admin alone decided about these, so the gateway stands where an owner would be named. They hold until their old
# end, which is less than ninety days off: a target is not lost to an upgrade.
CARRY = """
INSERT INTO inventory_exception
    (id, target, kind, service, reason, clause, compensation, proposed_by, proposed, expires, accepted_by, accepted,
     ended_reason)
SELECT 'exc_' || substr(id, 5), target, 'legacy-crypto', name, legacy_reason, '',
    'None on record: carried over from the release before', 'gateway', CURRENT_TIMESTAMP, legacy_until, 'gateway',
    CURRENT_TIMESTAMP, ''
FROM inventory_service WHERE profile = 'legacy' AND legacy_until IS NOT NULL
"""


def upgrade() -> None:
    utc = gateway.store.base.Utc(timezone=True)
    op.create_table(
        "inventory_exception",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("clause", sa.Text(), nullable=False),
        sa.Column("compensation", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(length=32), nullable=False),
        sa.Column("proposed", utc, nullable=False),
        sa.Column("expires", utc, nullable=False),
        sa.Column("accepted_by", sa.String(length=32), nullable=True),
        sa.Column("accepted", utc, nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.Column("ended", utc, nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["target"], ["inventory_target.id"], name=op.f("fk_inventory_exception_target_inventory_target")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_exception")),
    )
    op.create_index(op.f("ix_inventory_exception_target"), "inventory_exception", ["target"])
    op.execute(CARRY)
    with op.batch_alter_table("inventory_service", schema=None) as batch_op:
        batch_op.drop_column("legacy_until")
        batch_op.drop_column("legacy_reason")
