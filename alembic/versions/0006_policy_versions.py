"""versions of the policy

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

import gateway.store.base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_version",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        *_deed("proposed", nullable=False),
        *_deed("signed", nullable=True),
        *_deed("activated", nullable=True),
        sa.Column("retired", gateway.store.base.Utc(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("number", name=op.f("uq_policy_version_number")),
    )
    with op.batch_alter_table("policy_version", schema=None) as batch_op:
        batch_op.create_index(
            "uq_policy_version_active",
            ["state"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
    op.create_table(
        "policy_file",
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["policy_version.id"], name=op.f("fk_policy_file_version_policy_version")),
        sa.PrimaryKeyConstraint("version", "name", name=op.f("pk_policy_file")),
    )


def _deed(name: str, *, nullable: bool) -> tuple["sa.Column[object]", ...]:
    return (
        sa.Column(f"{name}_by", sa.String(length=32), nullable=nullable),
        sa.Column(f"{name}_name", sa.String(length=128), nullable=nullable),
        sa.Column(f"{name}_title", sa.Text(), nullable=nullable),
        sa.Column(f"{name}_at", gateway.store.base.Utc(timezone=True), nullable=nullable),
    )
