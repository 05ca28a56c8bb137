//! A row of the route table, and how the table writes one down.

use actix_web::http::Method;
use futures_util::FutureExt;

use super::access::Access;
use super::call::{Answering, Call, Reply};
use super::error::Problem;
use crate::domain::limits::{BATCH_BODY_BYTES_MAX, BODY_BYTES_MAX};

/// A handler, behind one type for all.
pub type Handler = Box<dyn Fn(Call) -> Answering + Send + Sync>;

/// How else the paths of a resource are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    None,
    /// `/_api` in front: what clients send to a host that is not their default.
    Api,
    /// Another base, with and without `/_api`.
    Named(&'static str),
}

/// One route: the registration itself is the row.
pub struct Row {
    pub method: Method,
    pub path: String,
    /// Other spellings of the path; parameters stand at the same places from the end.
    pub aliases: Vec<String>,
    pub access: Access,
    /// The name of the operation in the API document.
    pub operation: &'static str,
    pub handler: Handler,
    /// 0 where no body is read.
    pub body_bytes_max: usize,
}

impl Row {
    /// Every path that leads here.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.path).chain(&self.aliases).map(String::as_str)
    }

    pub fn batch(mut self) -> Row {
        self.body_bytes_max = BATCH_BODY_BYTES_MAX;
        self
    }
}

/// Puts rows below the base that they share.
pub fn under(base: &str, alias: Alias, mut rows: Vec<Row>) -> Vec<Row> {
    for row in &mut rows {
        let rest = std::mem::take(&mut row.path);
        row.aliases = match alias {
            Alias::None => Vec::new(),
            Alias::Api => vec![format!("/_api{base}{rest}")],
            Alias::Named(other) => vec![format!("{other}{rest}"), format!("/_api{other}{rest}")],
        };
        row.path = format!("{base}{rest}");
    }
    rows
}

/// Erases a handler's own future type.
fn row<A>(
    method: Method,
    rest: &str,
    access: Access,
    operation: &'static str,
    handler: impl Fn(Call) -> A + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = Result<Reply, Problem>> + 'static,
{
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    Row {
        method,
        path: rest.to_owned(),
        aliases: Vec::new(),
        access,
        operation,
        handler: Box::new(move |call| handler(call).boxed_local()),
        body_bytes_max: if takes_body { BODY_BYTES_MAX } else { 0 },
    }
}

pub fn get<A>(
    rest: &str,
    access: Access,
    operation: &'static str,
    handler: impl Fn(Call) -> A + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = Result<Reply, Problem>> + 'static,
{
    row(Method::GET, rest, access, operation, handler)
}

pub fn post<A>(
    rest: &str,
    access: Access,
    operation: &'static str,
    handler: impl Fn(Call) -> A + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = Result<Reply, Problem>> + 'static,
{
    row(Method::POST, rest, access, operation, handler)
}

pub fn put<A>(
    rest: &str,
    access: Access,
    operation: &'static str,
    handler: impl Fn(Call) -> A + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = Result<Reply, Problem>> + 'static,
{
    row(Method::PUT, rest, access, operation, handler)
}

pub fn patch<A>(
    rest: &str,
    access: Access,
    operation: &'static str,
    handler: impl Fn(Call) -> A + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = Result<Reply, Problem>> + 'static,
{
    row(Method::PATCH, rest, access, operation, handler)
}

pub fn delete<A>(
    rest: &str,
    access: Access,
    operation: &'static str,
    handler: impl Fn(Call) -> A + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = Result<Reply, Problem>> + 'static,
{
    row(Method::DELETE, rest, access, operation, handler)
}
