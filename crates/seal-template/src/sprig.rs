//! Sprig's functions as one table: name, parameters, what answers. Every name of sprig 3.3's generic map stands
//! here except [`EXCLUDED`]. The functions themselves are in the modules; language built-ins are in `builtins`.

mod calendar;
mod cast;
mod certificates;
mod dates;
mod defaults;
mod dictionaries;
mod durations;
mod encodings;
mod json;
mod keys;
mod layout;
mod letters;
mod lists;
mod numbers;
mod passwords;
mod paths;
mod pattern;
mod random;
mod regexes;
mod strings;
mod urls;
mod versions;

use crate::function::Type::{Any, Bool, Float, Int, List, Map, Text};
use crate::function::{CallFault, Function, Type};
use crate::value::Value;

/// What every function returns.
type Outcome = Result<Value, CallFault>;

/// Values within values that functions look into.
const VALUE_DEPTH: usize = 1000;

const TIME: Type = Type::Object("time.Time");
const CERTIFICATE: Type = Type::Object("sprig.certificate");

/// Names of sprig that stay undefined, as in the sealed-secrets controller: they reach out of the template.
pub const EXCLUDED: &[&str] = &["env", "expandenv", "getHostByName"];

macro_rules! functions {
    ($($name:literal ($($parameter:ident),* $(,)? $(..$rest:ident)?) $module:ident :: $function:ident,)*) => {
        &[$(Function {
            name: $name,
            parameters: &[$($parameter),*],
            rest: functions!(@rest $($rest)?),
            call: $module::$function,
        }),*]
    };
    (@rest) => { None };
    (@rest $rest:ident) => { Some($rest) };
}

/// Sprig, sorted by name.
pub static FUNCTIONS: &[Function] = functions! {
    "abbrev" (Int, Text) strings::abbrev,
    "abbrevboth" (Int, Int, Text) strings::abbrevboth,
    "add" (..Any) numbers::add,
    "add1" (Any) numbers::add1,
    "add1f" (Any) numbers::add1f,
    "addf" (..Any) numbers::addf,
    "adler32sum" (Text) encodings::adler32sum,
    "ago" (Any) dates::ago,
    "all" (..Any) defaults::all,
    "any" (..Any) defaults::any,
    "append" (Any, Any) lists::append,
    "atoi" (Text) numbers::atoi,
    "b32dec" (Text) encodings::b32dec,
    "b32enc" (Text) encodings::b32enc,
    "b64dec" (Text) encodings::b64dec,
    "b64enc" (Text) encodings::b64enc,
    "base" (Text) paths::base,
    "bcrypt" (Text) passwords::bcrypt,
    "biggest" (Any, ..Any) numbers::max,
    "buildCustomCert" (Text, Text) certificates::build_custom_cert,
    "camelcase" (Text) letters::camelcase,
    "cat" (..Any) strings::cat,
    "ceil" (Any) numbers::ceil,
    "chunk" (Int, Any) lists::chunk,
    "clean" (Text) paths::clean,
    "coalesce" (..Any) defaults::coalesce,
    "compact" (Any) lists::compact,
    "concat" (..Any) lists::concat,
    "contains" (Text, Text) strings::contains,
    "date" (Text, Any) dates::date,
    "dateInZone" (Text, Any, Text) dates::date_in_zone,
    "dateModify" (Text, TIME) dates::date_modify,
    "date_in_zone" (Text, Any, Text) dates::date_in_zone,
    "date_modify" (Text, TIME) dates::date_modify,
    "decryptAES" (Text, Text) passwords::decrypt_aes,
    "deepCopy" (Any) dictionaries::deep_copy,
    "deepEqual" (Any, Any) defaults::deep_equal,
    "default" (Any, ..Any) defaults::default,
    "derivePassword" (Int, Text, Text, Text, Text) passwords::derive_password,
    "dict" (..Any) dictionaries::dict,
    "dig" (..Any) dictionaries::dig,
    "dir" (Text) paths::dir,
    "div" (Any, Any) numbers::div,
    "divf" (Any, ..Any) numbers::divf,
    "duration" (Any) dates::duration,
    "durationRound" (Any) dates::duration_round,
    "empty" (Any) defaults::empty,
    "encryptAES" (Text, Text) passwords::encrypt_aes,
    "ext" (Text) paths::ext,
    "fail" (Text) defaults::fail,
    "first" (Any) lists::first,
    "float64" (Any) numbers::float64,
    "floor" (Any) numbers::floor,
    "fromJson" (Text) json::from_json,
    "genCA" (Text, Int) certificates::gen_ca,
    "genCAWithKey" (Text, Int, Text) certificates::gen_ca_with_key,
    "genPrivateKey" (Text) keys::gen_private_key,
    "genSelfSignedCert" (Text, List, List, Int) certificates::gen_self_signed_cert,
    "genSelfSignedCertWithKey" (Text, List, List, Int, Text) certificates::gen_self_signed_cert_with_key,
    "genSignedCert" (Text, List, List, Int, CERTIFICATE) certificates::gen_signed_cert,
    "genSignedCertWithKey" (Text, List, List, Int, CERTIFICATE, Text) certificates::gen_signed_cert_with_key,
    "get" (Map, Text) dictionaries::get,
    "has" (Any, Any) lists::has,
    "hasKey" (Map, Text) dictionaries::has_key,
    "hasPrefix" (Text, Text) strings::has_prefix,
    "hasSuffix" (Text, Text) strings::has_suffix,
    "hello" () strings::hello,
    "htmlDate" (Any) dates::html_date,
    "htmlDateInZone" (Any, Text) dates::html_date_in_zone,
    "htpasswd" (Text, Text) passwords::htpasswd,
    "indent" (Int, Text) strings::indent,
    "initial" (Any) lists::initial,
    "initials" (Text) strings::initials,
    "int" (Any) numbers::int,
    "int64" (Any) numbers::int64,
    "isAbs" (Text) paths::is_absolute,
    "join" (Text, Any) strings::join,
    "kebabcase" (Text) letters::kebabcase,
    "keys" (..Map) dictionaries::keys,
    "kindIs" (Text, Any) defaults::kind_is,
    "kindOf" (Any) defaults::kind_of,
    "last" (Any) lists::last,
    "list" (..Any) lists::list,
    "lower" (Text) letters::lower,
    "max" (Any, ..Any) numbers::max,
    "maxf" (Any, ..Any) numbers::maxf,
    "merge" (Map, ..Map) dictionaries::merge,
    "mergeOverwrite" (Map, ..Map) dictionaries::merge_overwrite,
    "min" (Any, ..Any) numbers::min,
    "minf" (Any, ..Any) numbers::minf,
    "mod" (Any, Any) numbers::modulo,
    "mul" (Any, ..Any) numbers::mul,
    "mulf" (Any, ..Any) numbers::mulf,
    "mustAppend" (Any, Any) lists::append,
    "mustChunk" (Int, Any) lists::chunk,
    "mustCompact" (Any) lists::compact,
    "mustDateModify" (Text, TIME) dates::must_date_modify,
    "mustDeepCopy" (Any) dictionaries::deep_copy,
    "mustFirst" (Any) lists::first,
    "mustFromJson" (Text) json::must_from_json,
    "mustHas" (Any, Any) lists::has,
    "mustInitial" (Any) lists::initial,
    "mustLast" (Any) lists::last,
    "mustMerge" (Map, ..Map) dictionaries::merge,
    "mustMergeOverwrite" (Map, ..Map) dictionaries::merge_overwrite,
    "mustPrepend" (Any, Any) lists::prepend,
    "mustPush" (Any, Any) lists::append,
    "mustRegexFind" (Text, Text) regexes::regex_find,
    "mustRegexFindAll" (Text, Text, Int) regexes::regex_find_all,
    "mustRegexMatch" (Text, Text) regexes::must_regex_match,
    "mustRegexReplaceAll" (Text, Text, Text) regexes::regex_replace_all,
    "mustRegexReplaceAllLiteral" (Text, Text, Text) regexes::regex_replace_all_literal,
    "mustRegexSplit" (Text, Text, Int) regexes::regex_split,
    "mustRest" (Any) lists::rest,
    "mustReverse" (Any) lists::reverse,
    "mustSlice" (Any, ..Any) lists::slice,
    "mustToDate" (Text, Text) dates::must_to_date,
    "mustToJson" (Any) json::must_to_json,
    "mustToPrettyJson" (Any) json::must_to_pretty_json,
    "mustToRawJson" (Any) json::to_raw_json,
    "mustUniq" (Any) lists::uniq,
    "mustWithout" (Any, ..Any) lists::without,
    "must_date_modify" (Text, TIME) dates::must_date_modify,
    "nindent" (Int, Text) strings::nindent,
    "nospace" (Text) strings::nospace,
    "now" () dates::now,
    "omit" (Map, ..Text) dictionaries::omit,
    "osBase" (Text) paths::base,
    "osClean" (Text) paths::clean,
    "osDir" (Text) paths::dir,
    "osExt" (Text) paths::ext,
    "osIsAbs" (Text) paths::is_absolute,
    "pick" (Map, ..Text) dictionaries::pick,
    "pluck" (Text, ..Map) dictionaries::pluck,
    "plural" (Text, Text, Int) strings::plural,
    "prepend" (Any, Any) lists::prepend,
    "push" (Any, Any) lists::append,
    "quote" (..Any) strings::quote,
    "randAlpha" (Int) random::rand_alpha,
    "randAlphaNum" (Int) random::rand_alpha_num,
    "randAscii" (Int) random::rand_ascii,
    "randBytes" (Int) random::rand_bytes,
    "randInt" (Int, Int) random::rand_int,
    "randNumeric" (Int) random::rand_numeric,
    "regexFind" (Text, Text) regexes::regex_find,
    "regexFindAll" (Text, Text, Int) regexes::regex_find_all,
    "regexMatch" (Text, Text) regexes::regex_match,
    "regexQuoteMeta" (Text) regexes::regex_quote_meta,
    "regexReplaceAll" (Text, Text, Text) regexes::regex_replace_all,
    "regexReplaceAllLiteral" (Text, Text, Text) regexes::regex_replace_all_literal,
    "regexSplit" (Text, Text, Int) regexes::regex_split,
    "repeat" (Int, Text) strings::repeat,
    "replace" (Text, Text, Text) strings::replace,
    "rest" (Any) lists::rest,
    "reverse" (Any) lists::reverse,
    "round" (Any, Int, ..Float) numbers::round,
    "semver" (Text) versions::semver,
    "semverCompare" (Text, Text) versions::semver_compare,
    "seq" (..Int) numbers::seq,
    "set" (Map, Text, Any) dictionaries::set,
    "sha1sum" (Text) encodings::sha1sum,
    "sha256sum" (Text) encodings::sha256sum,
    "sha512sum" (Text) encodings::sha512sum,
    "shuffle" (Text) random::shuffle,
    "slice" (Any, ..Any) lists::slice,
    "snakecase" (Text) letters::snakecase,
    "sortAlpha" (Any) strings::sort_alpha,
    "split" (Text, Text) strings::split,
    "splitList" (Text, Text) strings::split_list,
    "splitn" (Text, Int, Text) strings::splitn,
    "squote" (..Any) strings::squote,
    "sub" (Any, Any) numbers::sub,
    "subf" (Any, ..Any) numbers::subf,
    "substr" (Int, Int, Text) strings::substr,
    "swapcase" (Text) letters::swapcase,
    "ternary" (Any, Any, Bool) defaults::ternary,
    "title" (Text) letters::title,
    "toDate" (Text, Text) dates::to_date,
    "toDecimal" (Any) numbers::to_decimal,
    "toJson" (Any) json::to_json,
    "toPrettyJson" (Any) json::to_pretty_json,
    "toRawJson" (Any) json::to_raw_json,
    "toString" (Any) strings::to_string,
    "toStrings" (Any) strings::to_strings,
    "trim" (Text) strings::trim,
    "trimAll" (Text, Text) strings::trim_all,
    "trimPrefix" (Text, Text) strings::trim_prefix,
    "trimSuffix" (Text, Text) strings::trim_suffix,
    "trimall" (Text, Text) strings::trim_all,
    "trunc" (Int, Text) strings::trunc,
    "tuple" (..Any) lists::list,
    "typeIs" (Text, Any) defaults::type_is,
    "typeIsLike" (Text, Any) defaults::type_is_like,
    "typeOf" (Any) defaults::type_of,
    "uniq" (Any) lists::uniq,
    "unixEpoch" (TIME) dates::unix_epoch,
    "unset" (Map, Text) dictionaries::unset,
    "until" (Int) numbers::until,
    "untilStep" (Int, Int, Int) numbers::until_step,
    "untitle" (Text) letters::untitle,
    "upper" (Text) letters::upper,
    "urlJoin" (Map) urls::url_join,
    "urlParse" (Text) urls::url_parse,
    "uuidv4" () random::uuidv4,
    "values" (Map) dictionaries::values,
    "without" (Any, ..Any) lists::without,
    "wrap" (Int, Text) strings::wrap,
    "wrapWith" (Int, Text, Text) strings::wrap_with,
};
