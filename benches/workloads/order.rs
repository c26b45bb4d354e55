//! Selections, order statistics, histograms, scans and sorts.

use crate::climate::{field, field_bytes};
use crate::common::{Outcome, Settings, Work};
use hyperslab::store::Create;
use hyperslab::{Array, Error};
