//! Sends one step of a plan and says what stands afterwards.
//!
//! Preconditions travel in the step; whether to look again after a conflict is the caller's affair.

use seal_api::Secret;
use seal_engine::{Fault, SecretVersion, Step};

use crate::call::{CallError, Deed};
use crate::secrets::Secrets;

/// What became of a step.
pub enum Applied {
    /// The target is as it should be and stands at this version.
    Done(SecretVersion),
    /// Somebody else wrote in between: look again and plan anew.
    Outdated(Fault),
    /// It was not done.
    Failed(Fault),
}

/// Carries out `step`; `standing` is what it was planned from.
pub async fn apply(secrets: &Secrets, step: Step, standing: Option<&Secret>) -> Applied {
    let (deed, result) = match step {
        Step::Leave => return left(standing),
        Step::Refuse(fault) => return Applied::Failed(fault),
        Step::Create(secret) => (
            Deed {
                verb: "create",
                resource: "secrets",
            },
            secrets.create(&secret).await,
        ),
        Step::Replace(secret) => (
            Deed {
                verb: "update",
                resource: "secrets",
            },
            secrets.replace(&secret).await,
        ),
    };
    match result {
        Ok(secret) => Applied::Done(version(&secret)),
        Err(error) if is_outdated(&error, deed) => Applied::Outdated(error.fault(deed)),
        Err(error) => Applied::Failed(error.fault(deed)),
    }
}

/// The version at which `secret` stands.
pub fn version(secret: &Secret) -> SecretVersion {
    SecretVersion {
        uid: secret.metadata.uid.clone().unwrap_or_default(),
        resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
    }
}

fn left(standing: Option<&Secret>) -> Applied {
    match standing {
        Some(standing) => Applied::Done(version(standing)),
        None => {
            let what = "a Secret was left alone that does not stand";
            Applied::Failed(Fault::new(&seal_engine::catalogue::DEFECT).fact("what", what))
        }
    }
}

// A replaced Secret may have been deleted meanwhile: then it has to be created.
fn is_outdated(error: &CallError, deed: Deed) -> bool {
    error.is_conflict() || (error.is_not_found() && deed.verb == "update")
}
