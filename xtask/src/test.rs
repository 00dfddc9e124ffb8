//! `cargo xtask test`: all that must hold, in order, none left out after a failure; the last line counts. What the
//! steps are stands in `plan`, how they are carried out in `run`.

mod failures;
mod plan;
mod run;
mod tally;

use plan::{Step, Tier};

use crate::Failure;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Request { tiers, list } = Request::parse(arguments)?;
    let mut steps = Vec::new();
    for tier in &tiers {
        steps.extend(plan::steps(*tier)?);
    }
    if list {
        print_plan(&tiers, &steps);
        return Ok(());
    }
    match run::all(&steps).failed {
        0 => Ok(()),
        _ => Err(Failure::Reported),
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    tiers: Vec<Tier>,
    list: bool,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut request = Self {
            tiers: Vec::new(),
            list: false,
        };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let name = match word {
                "--list" => {
                    request.list = true;
                    continue;
                }
                "--tier" => words.next().ok_or_else(|| unknown_tier("nothing"))?,
                _ => word.strip_prefix("--tier=").ok_or_else(|| {
                    Failure::Usage(format!(
                        "test does not know {word}; it takes --tier TIER and --list"
                    ))
                })?,
            };
            request
                .tiers
                .push(Tier::named(name).ok_or_else(|| unknown_tier(name))?);
        }
        if request.tiers.is_empty() {
            request.tiers = Tier::ALL.to_vec();
        }
        Ok(request)
    }
}

fn unknown_tier(name: &str) -> Failure {
    let names: Vec<&str> = Tier::ALL.iter().map(|tier| tier.name()).collect();
    Failure::Usage(format!(
        "{name} is not a tier; the tiers are {}",
        names.join(", ")
    ))
}

fn print_plan(tiers: &[Tier], steps: &[Step]) {
    for tier in tiers {
        println!("{:<8} {}", tier.name(), tier.summary());
        for step in steps.iter().filter(|step| step.tier == *tier) {
            println!("           {}", step.title);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Request, Failure> {
        Request::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn no_tier_means_all() {
        assert_eq!(
            parse(&[]).unwrap(),
            Request {
                tiers: Tier::ALL.to_vec(),
                list: false
            }
        );
    }

    #[test]
    fn tiers_are_taken_in_the_order_given() {
        let request = parse(&["--tier", "cluster", "--tier=unit", "--list"]).unwrap();
        assert_eq!(
            request,
            Request {
                tiers: vec![Tier::Cluster, Tier::Unit],
                list: true
            }
        );
    }

    #[test]
    fn unknown_tier_and_unknown_flag_are_refused() {
        assert!(matches!(parse(&["--tier", "slow"]), Err(Failure::Usage(text)) if text.contains("vectors")));
        assert!(matches!(parse(&["--tier"]), Err(Failure::Usage(_))));
        assert!(matches!(parse(&["unit"]), Err(Failure::Usage(text)) if text.contains("--tier")));
    }
}
