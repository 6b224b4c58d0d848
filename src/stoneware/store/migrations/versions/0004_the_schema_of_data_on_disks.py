"""The schema that the data on each disk has, as far as images say"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "disk_schemas",
        sa.Column("disk", sa.String(length=256), nullable=False),
        sa.Column("data_schema", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("disk"),
    )


def downgrade() -> None:
    op.drop_table("disk_schemas")
