-- Until when a signed file proves itself: when the certificate of the newest time stamp over all of it ends. Nothing until it was looked at.
ALTER TABLE record_version ADD COLUMN proven_until INTEGER;
-- When it is looked at next whether that end is near; nothing when there is no such time stamp.
ALTER TABLE record_version ADD COLUMN renew_at INTEGER;
UPDATE record_version SET renew_at = 0 WHERE signed_at IS NOT NULL;
CREATE INDEX record_version_to_renew ON record_version (renew_at) WHERE renew_at IS NOT NULL;
