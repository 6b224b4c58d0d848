"""The tables. Nouns are stored whole as JSON; what is searched, guarded or unique stands in columns of its own."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
LARGEST_INTEGER = 2**63 - 1
"""What SQLite and PostgreSQL (`bigint`) can hold; a larger number names nothing."""

images = Table(
    "images",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("family", String(64), nullable=False),
    Column("number", Integer),
    Column("state", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state_at", Float, nullable=False),
    Column("state_reason", Text, nullable=False, default=""),
    Column("size_bytes", Integer, nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("boot_test", JSON),
    Column("deprecate_at", Float),
    Column("obsolete_at", Float),
    Column("delete_at", Float),
    Column("revoked_at", Float),
    Column("revoked_reason", Text, nullable=False, default="", server_default=""),
    UniqueConstraint("family", "number", name="uq_images_family_number"),
    Index("ix_images_family", "family", "state", "number"),
)

families = Table(
    "families",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("keep", JSON, nullable=False),
    Column("kept_since", Float, nullable=False),
)
"""The rule of each family that has one, as the last bake of it declared."""

deployments = Table(
    "deployments",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("current", Integer),
    Column("created_at", Float, nullable=False),
    Column("last_number", Integer, nullable=False, default=0),
)

releases = Table(
    "releases",
    metadata,
    Column("deployment", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(8), nullable=False),
    Column("became_current", Integer),
    Column("body", JSON, nullable=False),
)

release_images = Table(
    "release_images",
    metadata,
    Column("deployment", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", String(80), primary_key=True),
    Index("ix_release_images_digest", "digest"),
)

release_secrets = Table(
    "release_secrets",
    metadata,
    Column("deployment", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("secret", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Index("ix_release_secrets_version", "secret", "version"),
)
"""Which versions the retained releases pin."""

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("last_version", Integer, nullable=False),
)
"""Every name that ever was one: a version's number is never used twice, also after a deletion."""

secret_versions = Table(
    "secret_versions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("created_at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("key", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""`sealed` can be read with the key named `key` alone, which is not in the database."""

operations = Table(
    "operations",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), unique=True, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("open_subject", String(128), unique=True),
    Column("key", String(128), unique=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state", String(32), nullable=False),
    Column("state_since", Float, nullable=False),
    Column("frame", JSON, nullable=False),
    Column("because", Text, nullable=False, default=""),
    Column("wake_at", Float, nullable=False),
    Column("written_at", Float, nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("paused", Boolean, nullable=False, default=False),
    Column("result", String(16)),
    Column("ended_at", Float),
    Column("lease_owner", String(128)),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("lease_token", Integer, nullable=False, default=0),
    Index("ix_operations_due", "result", "wake_at"),
    Index("ix_operations_subject", "subject", "seq"),
)

journal = Table(
    "journal",
    metadata,
    Column("operation", String(64), ForeignKey("operations.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("state", String(32), nullable=False),
    Column("text", Text, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("operation", String(64), ForeignKey("operations.id"), primary_key=True),
    Column("key", String(256), primary_key=True),
)
"""Which facts of an operation the ledger has, so that an effect is entered once however often its step is repeated."""

signals = Table(
    "signals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("operation", String(64), ForeignKey("operations.id"), nullable=False),
    Column("body", JSON, nullable=False),
    Column("consumed", Boolean, nullable=False, default=False),
    Column("key", String(128), unique=True),
    Index("ix_signals_open", "operation", "consumed"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("subject", String(256), nullable=False),
    Column("fact", JSON, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_ledger_subject", "subject"),
)

disk_schemas = Table(
    "disk_schemas",
    metadata,
    Column("disk", String(256), primary_key=True),
    Column("data_schema", Integer, nullable=False),
    Column("since", Float, nullable=False),
)

shell_sessions = Table(
    "shell_sessions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("machine", String(256), nullable=False),
    Column("open_machine", String(256), unique=True),
    Column("ended_at", Float),
    Column("body", JSON, nullable=False),
)
"""`open_machine` is the machine while the session lasts: there is one at a time in each."""

taints = Table(
    "taints",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("machine", String(256), nullable=False),
    Column("deployment", String(128), nullable=False),
    Column("ended_at", Float),
    Column("body", JSON, nullable=False),
    Index("ix_taints_open", "ended_at"),
)

drift = Table(
    "drift",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", String(64), nullable=False),
    Column("body", JSON, nullable=False),
    Index("ix_drift_deployment", "deployment"),
)
"""Every difference that counts now, since when; the ledger remembers those that are over."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("machine", String(128), primary_key=True),
    Column("deployment", String(64), nullable=False),
    Column("body", JSON, nullable=False),
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("body", JSON, nullable=False),
    sqlite_autoincrement=True,
)
"""Numbers never come again: a build of a trigger that was deleted isn't one of its namesake."""

trigger_refs = Table(
    "trigger_refs",
    metadata,
    Column("trigger", Integer, ForeignKey("triggers.id"), primary_key=True),
    Column("ref", String(1024), primary_key=True),
    Column("commit", String(64), nullable=False),
)
"""Where each ref pointed to when its trigger last looked."""

hook_messages = Table(
    "hook_messages",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("at", Float, nullable=False),
)
"""Which signed messages came already."""
roles = Table(
    "roles",
    metadata,
    Column("role", String(64), primary_key=True),
    Column("actor", String(200), primary_key=True),
    Column("body", JSON, nullable=False),
)
"""Who may agree to what, by the name of a role that environments ask for."""

promotions = Table(
    "promotions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("deployment", String(64), nullable=False),
    Column("open_deployment", String(64), unique=True),
    Column("key", String(128), unique=True),
    Column("body", JSON, nullable=False),
)
"""`open_deployment` is the deployment that it leads to while it is PENDING: there is one at a time for each."""
