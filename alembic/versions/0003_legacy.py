"""exceptions for old cryptography

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

import gateway.store.base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inventory_service", schema=None) as batch_op:
        batch_op.add_column(sa.Column("legacy_until", gateway.store.base.Utc(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("legacy_reason", sa.Text(), server_default="", nullable=False))
