//! stub
use crate::model::Model;
use crate::random::Random;
use crate::shell::{Outside, Shell};
#[derive(Default)]
pub struct Post;
impl Post { pub fn follow(&mut self, _: &Model) {} pub fn restart(&mut self, _: &Model, _: &mut Random) {} }
impl Shell { pub fn post_goes_on(&mut self, _: &mut Outside<'_>) {} }
