//! API keys. Of a key the store has only a hash.

use sqlx::FromRow;

use super::{Store, StoreError};

/// An API key without its secret. Times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KeyRecord {
    /// Public part.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// What its owner calls it.
    pub label: String,
    /// What it may, separated by spaces.
    pub scopes: String,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// When it was made.
    pub created_at: i64,
    /// From when it is no longer good.
    pub expires_at: Option<i64>,
    /// From when it was taken back.
    pub revoked_at: Option<i64>,
}

impl Store {
    /// Keeps a new key.
    ///
    /// # Errors
    /// When the store does not answer, or the id is taken.
    pub async fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_key (id, tenant, label, scopes, secret_hash, created_at, expires_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(key.id.clone())
        .bind(key.tenant.clone())
        .bind(key.label.clone())
        .bind(key.scopes.clone())
        .bind(key.secret_hash.clone())
        .bind(key.created_at)
        .bind(key.expires_at)
        .bind(key.revoked_at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A key by its public part.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find_key(&self, id: &str) -> Result<Option<KeyRecord>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM api_key WHERE id = $1").bind(id.to_owned()).fetch_optional(&self.pool).await?)
    }

    /// All keys, or those of a tenant, the oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keys(&self, tenant: Option<&str>) -> Result<Vec<KeyRecord>, StoreError> {
        let all = match tenant {
            Some(tenant) => sqlx::query_as("SELECT * FROM api_key WHERE tenant = $1 ORDER BY created_at, id")
                .bind(tenant.to_owned()),
            None => sqlx::query_as("SELECT * FROM api_key ORDER BY tenant, created_at, id"),
        };
        Ok(all.fetch_all(&self.pool).await?)
    }

    /// Takes a key back from a moment on; whether there was one that had not been taken back by then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn revoke_key(&self, id: &str, at: i64) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND (revoked_at IS NULL OR revoked_at > $2)")
                .bind(id.to_owned())
                .bind(at)
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected() > 0)
    }
}
