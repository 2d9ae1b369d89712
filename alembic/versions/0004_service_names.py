"""services have names; a target may have several of TCP

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inventory_service", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=64), nullable=True))
    op.execute("UPDATE inventory_service SET name = protocol")
    with op.batch_alter_table("inventory_service", schema=None) as batch_op:
        batch_op.alter_column("name", existing_type=sa.String(length=64), nullable=False)
        batch_op.drop_constraint(batch_op.f("uq_inventory_service_target_protocol"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_inventory_service_target_name"), ["target", "name"])
