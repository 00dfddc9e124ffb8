//! What can be said of a SealedSecret without any private key: names, encoding, layout, size of key,
//! whether its templates can be read and a Secret can be what it asks for.
//!
//! Whether it opens is `open`'s to say.

use seal_api::SealedSecret;
use seal_core::{Envelope, decode_base64};

use super::open::{Names, is_key_size, layout_fault};
use crate::catalogue;
use crate::fault::Fault;
use crate::sealed_secret::functions;
use crate::shape::visible_faults;

/// All faults that show from outside. With `key_bits`, values sealed with a key of another size too.
pub fn inspect(object: &SealedSecret, key_bits: Option<usize>) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Names::of(object).err().into_iter().collect();
    let spec = &object.spec;
    if let Some(blob) = &spec.data {
        if !spec.encrypted_data.is_empty() {
            faults.push(Fault::new(&catalogue::LEGACY_AND_ITEMS));
        }
        faults.extend(inspect_item(Some(blob), key_bits));
    }
    for (entry, text) in &spec.encrypted_data {
        faults.extend(inspect_item(text.as_deref(), key_bits).map(|fault| fault.entry(entry)));
    }
    // The legacy blob brings its own metadata and knows no template.
    if spec.data.is_none() {
        let template = spec.template.clone().unwrap_or_default();
        faults.extend(visible_faults(
            spec.encrypted_data.keys(),
            &template,
            &functions(),
        ));
    }
    faults
}

/// The size of the key to which a value was sealed, as the value itself states it.
///
/// # Errors
/// When it is no sealed value.
pub fn stated_key_bits(text: Option<&str>) -> Result<usize, Fault> {
    let text = text.ok_or_else(|| Fault::new(&catalogue::NOT_TEXT))?;
    let bytes = decode_base64(text)
        .map_err(|error| Fault::new(&catalogue::NOT_BASE64).fact("offset", error.offset))?;
    let bits = Envelope::parse(&bytes).map_err(layout_fault)?.key_bits();
    if is_key_size(bits) {
        Ok(bits)
    } else {
        Err(Fault::new(&catalogue::MALFORMED))
    }
}

fn inspect_item(text: Option<&str>, key_bits: Option<usize>) -> Option<Fault> {
    match stated_key_bits(text) {
        Ok(bits) if key_bits.is_none_or(|wanted| wanted == bits) => None,
        Ok(bits) => Some(Fault::new(&catalogue::NO_KEY_OF_THIS_SIZE).fact("bits", bits)),
        Err(fault) => Some(fault),
    }
}

#[cfg(test)]
mod tests {
    use seal_api::{SecretTemplate, TemplateMetadata, annotations};

    use super::*;

    fn object(template: SecretTemplate) -> SealedSecret {
        let mut object = SealedSecret::default();
        object.metadata.name = Some("db".to_owned());
        object.metadata.namespace = Some("prod".to_owned());
        object.spec.template = Some(template);
        object
    }

    fn codes(object: &SealedSecret) -> Vec<&'static str> {
        inspect(object, None)
            .iter()
            .map(|fault| fault.kind.code)
            .collect()
    }

    #[test]
    fn a_template_that_cannot_be_read_shows_with_its_line_and_without_a_key() {
        let data = [("url".to_owned(), Some("a\n{{ .b | nothing }}".to_owned()))].into();
        let faulty = object(SecretTemplate {
            data: Some(data),
            ..SecretTemplate::default()
        });
        let faults = inspect(&faulty, None);
        assert_eq!(codes(&faulty), ["template-unreadable"]);
        assert_eq!(faults[0].place.position, Some((2, 1)));
        assert_eq!(faults[0].place.entry.as_deref(), Some("url"));
    }

    #[test]
    fn what_no_secret_of_ours_may_be_shows_without_a_key() {
        let metadata = TemplateMetadata {
            labels: Some([(annotations::KEY_LABEL.to_owned(), "active".to_owned())].into()),
            ..TemplateMetadata::default()
        };
        let mut reserved = object(SecretTemplate {
            kind: Some("bootstrap.kubernetes.io/token".to_owned()),
            metadata: Some(metadata),
            ..SecretTemplate::default()
        });
        assert_eq!(codes(&reserved), ["reserved", "dangerous-type"]);
        reserved.spec.data = Some("!".to_owned());
        assert_eq!(codes(&reserved), ["not-base64"], "a legacy blob has no template");
    }
}
