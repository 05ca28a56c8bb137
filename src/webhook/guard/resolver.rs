//! Names to addresses. A port, so that tests bring their own names.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

pub type ResolverFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

pub trait Resolver: Send + Sync {
    /// Every address of a name, in the order in which they should be tried.
    fn resolve<'a>(&'a self, name: &'a str) -> ResolverFuture<'a>;
}

/// The operating system's resolver.
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> ResolverFuture<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
