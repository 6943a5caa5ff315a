//! Without the feature `deflate` nothing can be agreed on: these types have no values.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Corrupt, Inflated};

#[derive(Debug)]
pub(crate) enum Inflater {}

#[derive(Debug)]
pub(crate) enum Deflater {}

#[derive(Debug)]
pub(crate) enum Inflation {}

impl Inflation {
    pub(crate) fn begin(&mut self, _: &mut Option<Box<Inflater>>) {
        match *self {}
    }

    pub(crate) fn inflate(
        &mut self,
        _: &mut Option<Box<Inflater>>,
        _: &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<Inflated, Corrupt> {
        match *self {}
    }

    pub(crate) fn release(&mut self) {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum Deflation {}

impl Deflation {
    pub(crate) fn wants(&self, _: usize) -> bool {
        match *self {}
    }

    pub(crate) fn deflate(
        &mut self,
        _: &mut Option<Box<Deflater>>,
        _: &[u8],
        _: bool,
        _: bool,
        _: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        match *self {}
    }

    pub(crate) fn release(&mut self) {
        match *self {}
    }
}
