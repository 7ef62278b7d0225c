//! Credentials, asked for when they are needed and kept while they last. The SDK's clients do the
//! same for themselves; this is for requests that are signed here.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::Mutex;

/// Credentials that end so soon are asked for anew: a request must not outlive them.
const LEFT_MIN: Duration = Duration::from_mins(1);

/// Where credentials come from, and those that came last.
pub(crate) struct Kept {
    provider: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
}

impl Kept {
    /// From `provider`, which is not asked yet.
    pub(crate) fn from(provider: SharedCredentialsProvider) -> Self {
        Self { provider, last: Mutex::new(None) }
    }

    /// Credentials that last for a while.
    ///
    /// # Errors
    /// When the provider has none.
    pub(crate) async fn get(&self) -> Result<Credentials, CredentialsError> {
        let mut last = self.last.lock().await;
        let lasts =
            |credentials: &&Credentials| credentials.expiry().is_none_or(|end| end > now() + LEFT_MIN);
        if let Some(credentials) = last.as_ref().filter(lasts) {
            return Ok(credentials.clone());
        }
        Ok(last.insert(self.provider.provide_credentials().await?).clone())
    }
}

/// The time that signatures hold.
#[expect(clippy::disallowed_methods, reason = "a signature holds the time at which it was made")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
