//! Who may do what, asked of the API server itself. Nobody is impersonated: the question about a service
//! account is a review of its own, which takes a permission of its own.

use http::Method;
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::client::Body;
use kube::core::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::{Look, Seen, WHOLE, Wanted};

/// Something that one may be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// `get`, `create`, …
    pub verb: &'static str,
    /// The group; empty for the core's.
    pub group: &'static str,
    /// The resource, with its subresource behind a slash.
    pub resource: &'static str,
    /// Where; everywhere if empty.
    pub namespace: String,
    /// Which one; any if empty.
    pub name: String,
}

/// Of whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever asks.
    Myself,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    Account {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

#[derive(Deserialize)]
struct Answer {
    status: SubjectAccessReviewStatus,
}

impl Look {
    /// Whether `who` may do that.
    pub async fn may(&self, who: &Who, access: &Access) -> Seen<bool> {
        const GROUP: &str = "/apis/authorization.k8s.io/v1";
        let attributes = Some(attributes(access));
        let (path, body, resource) = match who {
            Who::Myself => {
                let spec = SelfSubjectAccessReviewSpec {
                    resource_attributes: attributes,
                    ..SelfSubjectAccessReviewSpec::default()
                };
                let review = SelfSubjectAccessReview {
                    spec,
                    ..SelfSubjectAccessReview::default()
                };
                (
                    format!("{GROUP}/selfsubjectaccessreviews"),
                    json(&review),
                    "selfsubjectaccessreviews.authorization.k8s.io",
                )
            }
            Who::Account { namespace, name } => {
                let spec = SubjectAccessReviewSpec {
                    resource_attributes: attributes,
                    user: Some(format!("system:serviceaccount:{namespace}:{name}")),
                    groups: Some(vec![
                        "system:serviceaccounts".to_owned(),
                        format!("system:serviceaccounts:{namespace}"),
                        "system:authenticated".to_owned(),
                    ]),
                    ..SubjectAccessReviewSpec::default()
                };
                if access.namespace.is_empty() {
                    let review = SubjectAccessReview {
                        spec,
                        ..SubjectAccessReview::default()
                    };
                    (
                        format!("{GROUP}/subjectaccessreviews"),
                        json(&review),
                        "subjectaccessreviews.authorization.k8s.io",
                    )
                } else {
                    let metadata = ObjectMeta {
                        namespace: Some(access.namespace.clone()),
                        ..ObjectMeta::default()
                    };
                    let review = LocalSubjectAccessReview {
                        metadata,
                        spec,
                        status: None,
                    };
                    (
                        format!(
                            "{GROUP}/namespaces/{}/localsubjectaccessreviews",
                            access.namespace
                        ),
                        json(&review),
                        "localsubjectaccessreviews.authorization.k8s.io",
                    )
                }
            }
        };
        let wanted = Wanted {
            verb: "create",
            resource,
            namespace: access.namespace.clone(),
        };
        self.read::<Answer>(Method::POST, &path, WHOLE, body, wanted)
            .await
            .map(|answer| answer.status.allowed)
    }
}

fn attributes(access: &Access) -> ResourceAttributes {
    let (resource, subresource) = match access.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (access.resource, None),
    };
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ResourceAttributes {
        verb: Some(access.verb.to_owned()),
        group: Some(access.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        namespace: given(&access.namespace),
        name: given(&access.name),
        ..ResourceAttributes::default()
    }
}

fn json(review: &impl Serialize) -> Body {
    Body::from(serde_json::to_vec(review).expect("a review has string keys only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subresource_is_asked_for_as_one() {
        let access = Access {
            verb: "get",
            group: "",
            resource: "services/proxy",
            namespace: "kube-system".to_owned(),
            name: String::new(),
        };
        let asked = attributes(&access);
        assert_eq!(asked.resource.as_deref(), Some("services"));
        assert_eq!(asked.subresource.as_deref(), Some("proxy"));
        assert_eq!(asked.name, None);
    }
}
