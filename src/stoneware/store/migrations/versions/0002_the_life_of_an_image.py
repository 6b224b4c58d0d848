"""The life of an image: its timers, its revocation, and how long its family keeps it"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "families",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("keep", sa.JSON(), nullable=False),
        sa.Column("kept_since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    # plain ADD COLUMN: whatever is added has a default, so the table needn't be copied
    op.add_column("images", sa.Column("deprecate_at", sa.Float(), nullable=True))
    op.add_column("images", sa.Column("obsolete_at", sa.Float(), nullable=True))
    op.add_column("images", sa.Column("delete_at", sa.Float(), nullable=True))
    op.add_column("images", sa.Column("revoked_at", sa.Float(), nullable=True))
    op.add_column("images", sa.Column("revoked_reason", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("images", schema=None) as batch_op:
        for name in ("revoked_reason", "revoked_at", "delete_at", "obsolete_at", "deprecate_at"):
            batch_op.drop_column(name)
    op.drop_table("families")
