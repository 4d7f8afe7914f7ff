//! Tenants in order, found by slug or key without looking at all of them.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Tenant;

/// Tenants in order; of several with one slug or key the first is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantList {
    all: Vec<Tenant>,
    slugs: BTreeMap<String, usize>,
    keys: BTreeMap<String, usize>,
    greatest: Option<i64>,
}

impl TenantList {
    /// Adds a tenant at the end.
    pub fn push(&mut self, tenant: Tenant) {
        let at = self.all.len();
        self.slugs.entry(tenant.slug.clone()).or_insert(at);
        self.keys.entry(tenant.key.text.clone()).or_insert(at);
        self.greatest = self.greatest.max(tenant.key.text.parse().ok());
        self.all.push(tenant);
    }

    /// The tenant with this slug.
    #[must_use]
    pub fn by_slug(&self, slug: &str) -> Option<&Tenant> {
        self.slugs.get(slug).and_then(|at| self.all.get(*at))
    }

    /// The tenant with this key, as text.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<&Tenant> {
        self.keys.get(key).and_then(|at| self.all.get(*at))
    }

    /// The greatest key that is a whole number.
    #[must_use]
    pub fn greatest(&self) -> Option<i64> {
        self.greatest
    }
}

impl Deref for TenantList {
    type Target = [Tenant];

    fn deref(&self) -> &[Tenant] {
        &self.all
    }
}

impl From<Vec<Tenant>> for TenantList {
    fn from(tenants: Vec<Tenant>) -> Self {
        let mut list = Self::default();
        for tenant in tenants {
            list.push(tenant);
        }
        list
    }
}

impl Serialize for TenantList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TenantList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rule::Origin;
    use crate::sql::{KeyType, TenantKey};

    fn tenant(key: &str, slug: &str) -> Tenant {
        Tenant {
            key: TenantKey { ty: KeyType::Bigint, text: key.into() },
            slug: slug.into(),
            columns: BTreeMap::new(),
            origin: Origin::New,
        }
    }

    #[test]
    fn the_first_of_several_is_found_whether_pushed_or_read() {
        let list = TenantList::from(vec![tenant("7", "a"), tenant("12", "b"), tenant("12", "a"), tenant("x", "c")]);
        let read: TenantList = serde_json::from_str(&serde_json::to_string(&list).unwrap()).unwrap();
        assert_eq!(read, list);
        assert_eq!(read.by_slug("a").map(|tenant| tenant.key.text.as_str()), Some("7"));
        assert_eq!(read.by_key("12").map(|tenant| tenant.slug.as_str()), Some("b"));
        assert_eq!((read.by_slug("d"), read.greatest(), read.len()), (None, Some(12), 4));
    }
}
