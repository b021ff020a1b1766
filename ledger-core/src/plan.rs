//! The plan catalogue: the services, and the plan of each org type and tier. An embedded TOML file,
//! which another file can replace.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::quantity::Quota;
use crate::service::{Meter, ServiceId};
use crate::vocabulary::vocabulary;

/// A quota for each of several services.
pub type Quotas = BTreeMap<ServiceId, Quota>;

vocabulary! {
    /// The type of a school.
    pub enum OrgType {
        Preschool = "preschool" => "A preschool.",
        K12 = "k12" => "A school of grades K to 12, which may have departments.",
        Individual = "individual" => "A school of one member.",
    }

    /// The tier that a school pays for, from the lowest to the highest.
    pub enum Tier {
        Free = "free" => "Unpaid.",
        Basic = "basic" => "Alias `starter`.",
        Pro = "pro" => "Alias `professional`.",
        Premium = "premium" => "Above `pro`.",
        Enterprise = "enterprise" => "The highest.",
    }

    /// The allocation management that a plan includes, from the least to the most.
    pub enum Management {
        None = "none" => "None: members draw directly on the pool.",
        Basic = "basic" => "Allocate, revoke, suspend, priority, renewal.",
        Advanced = "advanced" => "Also transfers, departments and imported tables (CSV).",
    }
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    org_types: Vec<OrgType>,
    tiers: Vec<Tier>,
    /// The allocation management.
    pub management: Management,
    /// The total of each service per period, unless the school bought another one.
    pub totals: Quotas,
}

/// The settings of a school that has not changed them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// The quota granted to a new teacher.
    #[serde(rename = "default_grant")]
    pub default_member_quota: Quotas,
    /// The cap per member.
    #[serde(rename = "member_cap")]
    pub max_individual_quota: Quotas,
    self_service_tiers: Vec<Tier>,
}

impl Defaults {
    /// Whether teachers of a school at `tier` may file requests.
    #[must_use]
    pub fn self_service_requests(&self, tier: Tier) -> bool {
        self.self_service_tiers.contains(&tier)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceSpec {
    #[serde(default)]
    aliases: Vec<ServiceId>,
    #[serde(default)]
    meter: Meter,
}

/// Every service and every plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    #[serde(default)]
    tier_aliases: BTreeMap<String, Tier>,
    services: BTreeMap<ServiceId, ServiceSpec>,
    /// The default settings.
    pub defaults: Defaults,
    plans: Vec<Plan>,
}

/// An invalid catalogue file.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file is not TOML or does not have the form of a catalogue.
    #[error("malformed plan catalogue")]
    Form(#[source] Box<toml::de::Error>),
    /// A name is defined twice.
    #[error("the plan catalogue names {0} twice as a service or an alias")]
    NamedTwice(ServiceId),
    /// A quota names an undeclared service.
    #[error("the plan catalogue has a quota of {0}, which is none of its services")]
    UnknownService(ServiceId),
    /// An org type and tier have no plan.
    #[error("the plan catalogue has no plan for a {0} school at tier {1}")]
    NoPlan(OrgType, Tier),
}

const BUILT_IN: &str = include_str!("plan.toml");

impl Catalogue {
    /// The embedded catalogue.
    ///
    /// # Panics
    /// Never: a test parses the embedded file.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the embedded file is a constant that a test parses"
    )]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the embedded plan catalogue is valid")
    }

    /// Parses and validates a catalogue.
    ///
    /// # Errors
    /// [`CatalogueError`] if the file is malformed or inconsistent, or lacks a plan.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let catalogue: Self =
            toml::from_str(text).map_err(|error| CatalogueError::Form(Box::new(error)))?;
        catalogue.check_names()?;
        catalogue.check_quotas()?;
        for org_type in OrgType::ALL {
            for tier in Tier::ALL {
                if catalogue.find_plan(org_type, tier).is_none() {
                    return Err(CatalogueError::NoPlan(org_type, tier));
                }
            }
        }
        Ok(catalogue)
    }

    /// The service of a name or alias.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<&ServiceId> {
        let name = ServiceId::new(name).ok()?;
        if let Some((service, _)) = self.services.get_key_value(&name) {
            return Some(service);
        }
        self.services
            .iter()
            .find(|(_, spec)| spec.aliases.contains(&name))
            .map(|(id, _)| id)
    }

    /// The meter of `service`; a service that the file no longer has counts requests.
    #[must_use]
    pub fn meter(&self, service: &ServiceId) -> &Meter {
        const REQUESTS: &Meter = &Meter::Request {
            weights: Vec::new(),
        };
        self.services
            .get(service)
            .map_or(REQUESTS, |spec| &spec.meter)
    }

    /// Every service, ordered by name.
    pub fn services(&self) -> impl Iterator<Item = &ServiceId> {
        self.services.keys()
    }

    /// The tier of a name or alias.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<Tier> {
        Tier::parse(name).or_else(|| self.tier_aliases.get(name).copied())
    }

    /// The plan of a school.
    #[must_use]
    pub fn plan(&self, org_type: OrgType, tier: Tier) -> &Plan {
        // `parse` has checked that every type and tier has a plan.
        self.find_plan(org_type, tier).unwrap_or(&self.plans[0])
    }

    /// The lowest tier at which a school of this type has at least this management.
    #[must_use]
    pub fn tier_with(&self, org_type: OrgType, needed: Management) -> Option<Tier> {
        Tier::ALL
            .into_iter()
            .find(|tier| self.plan(org_type, *tier).management >= needed)
    }

    fn find_plan(&self, org_type: OrgType, tier: Tier) -> Option<&Plan> {
        self.plans
            .iter()
            .find(|p| p.org_types.contains(&org_type) && p.tiers.contains(&tier))
    }

    fn check_names(&self) -> Result<(), CatalogueError> {
        let mut seen = std::collections::BTreeSet::new();
        let aliases = self.services.values().flat_map(|spec| &spec.aliases);
        match self
            .services
            .keys()
            .chain(aliases)
            .find(|name| !seen.insert(*name))
        {
            Some(name) => Err(CatalogueError::NamedTwice(name.clone())),
            None => Ok(()),
        }
    }

    fn check_quotas(&self) -> Result<(), CatalogueError> {
        let defaults = [
            &self.defaults.default_member_quota,
            &self.defaults.max_individual_quota,
        ];
        let totals = self.plans.iter().map(|plan| &plan.totals);
        match defaults
            .into_iter()
            .chain(totals)
            .flat_map(BTreeMap::keys)
            .find(|service| !self.services.contains_key(*service))
        {
            Some(service) => Err(CatalogueError::UnknownService(service.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalogue_is_valid() {
        let catalogue = Catalogue::parse(BUILT_IN).unwrap();
        assert_eq!(catalogue.services().count(), 3);
    }

    #[test]
    fn an_alias_resolves_and_an_unknown_name_does_not() {
        let catalogue = Catalogue::built_in();
        let resolve = |name| catalogue.resolve(name).map(ServiceId::as_str);
        assert_eq!(resolve("lesson_generation"), Some("claude_messages"));
        assert_eq!(resolve("assessment_ai"), Some("assessment_ai"));
        assert_eq!(resolve("video"), None);
        assert_eq!(catalogue.tier("professional"), Some(Tier::Pro));
    }

    #[test]
    fn the_plan_table_of_the_specification_holds() {
        let catalogue = Catalogue::built_in();
        let row = |org_type, tier| {
            let plan = catalogue.plan(org_type, tier);
            let totals: Vec<_> = plan.totals.values().map(ToString::to_string).collect();
            (plan.management, totals.join("/"))
        };
        let bought = |management| (management, "25/100/50".to_owned());
        let small = (Management::None, "5/20/10".to_owned());
        assert_eq!(
            row(OrgType::Preschool, Tier::Pro),
            bought(Management::Basic)
        );
        assert_eq!(row(OrgType::Preschool, Tier::Basic), small);
        assert_eq!(
            row(OrgType::K12, Tier::Enterprise),
            bought(Management::Advanced)
        );
        assert_eq!(row(OrgType::K12, Tier::Premium), small);
        assert_eq!(
            row(OrgType::Individual, Tier::Basic),
            bought(Management::None)
        );
        assert_eq!(row(OrgType::Individual, Tier::Free), small);
        assert_eq!(
            catalogue.tier_with(OrgType::K12, Management::Basic),
            Some(Tier::Enterprise)
        );
        assert_eq!(
            catalogue.tier_with(OrgType::Individual, Management::Basic),
            None
        );
    }

    #[test]
    fn an_inconsistent_catalogue_is_refused() {
        let alias_twice = BUILT_IN.replace("grading_assistance", "lesson_generation");
        assert!(matches!(
            Catalogue::parse(&alias_twice),
            Err(CatalogueError::NamedTwice(_))
        ));
        let unknown = BUILT_IN.replace("assessment_ai = 3 ", "video = 3 ");
        assert!(matches!(
            Catalogue::parse(&unknown),
            Err(CatalogueError::UnknownService(_))
        ));
        let no_plan = BUILT_IN.replace("tiers = [\"free\", ", "tiers = [");
        assert!(matches!(
            Catalogue::parse(&no_plan),
            Err(CatalogueError::NoPlan(..))
        ));
        assert!(matches!(
            Catalogue::parse("x = 1"),
            Err(CatalogueError::Form(_))
        ));
    }
}
