"""Break-glass sessions, and the taints of machines"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shell_sessions",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("machine", sa.String(length=256), nullable=False),
        sa.Column("open_machine", sa.String(length=256)),
        sa.Column("ended_at", sa.Float()),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("open_machine"),
    )
    op.create_table(
        "taints",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("machine", sa.String(length=256), nullable=False),
        sa.Column("deployment", sa.String(length=128), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_taints_open", "taints", ["ended_at"])


def downgrade() -> None:
    op.drop_index("ix_taints_open", "taints")
    op.drop_table("taints")
    op.drop_table("shell_sessions")
