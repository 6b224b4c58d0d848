"""Drift as it was found, and machines that are kept for inspection"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("deployment", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_drift_deployment", "drift", ["deployment"])
    op.create_table(
        "quarantine",
        sa.Column("machine", sa.String(length=128), nullable=False),
        sa.Column("deployment", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("machine"),
    )


def downgrade() -> None:
    op.drop_table("quarantine")
    op.drop_index("ix_drift_deployment", "drift")
    op.drop_table("drift")
