//! Options that say how arrays are stored.

use crate::chunk::AUTO;
use crate::chunk::auto::{AUTO_CHUNK_BYTES, AUTO_INNER_BYTES, AUTO_SHARD_BYTES, fit};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::store::Create;
use clap::Args as Group;
use std::str::FromStr;

/// How arrays are stored.
#[derive(Debug, Default, Group)]
pub struct Storage {
    /// Chunk shape; -1 takes a whole axis, and those that are `auto` share what is left of 4 MiB, or of 1 MiB within
    /// shards
    #[arg(long, value_name = "N,N,..", allow_hyphen_values = true)]
    pub chunks: Option<Lengths>,
    /// Shard shape, a multiple of the chunk shape (Zarr v3); -1 takes a whole axis, and those that are `auto` share
    /// what is left of 64 MiB
    #[arg(long, value_name = "N,N,..", allow_hyphen_values = true)]
    pub shards: Option<Lengths>,
    /// Compression: zstd:3, gzip:5, blosc-lz4, lzf, none, ...; each format has its own
    #[arg(long)]
    pub codec: Option<String>,
    /// netcdf3 for names in .nc, which are NetCDF-4 otherwise; netcdf3-classic, netcdf3-64bit or netcdf3-cdf5 instead
    /// of the first of these that can hold it
    #[arg(long, value_name = "FORMAT",
          value_parser = ["netcdf3", "netcdf3-classic", "netcdf3-64bit", "netcdf3-cdf5"])]
    pub format: Option<String>,
    /// Axes that may grow later, by name or number (HDF5, NetCDF)
    #[arg(long, value_name = "AXIS,..", value_delimiter = ',')]
    pub unlimited: Vec<String>,
    /// Zarr version
    #[arg(long, value_name = "2|3", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub zarr_version: Option<u8>,
    /// Replace what is there
    #[arg(long)]
    pub overwrite: bool,
    /// Write outputs that are absurdly larger than the files they come from
    #[arg(long)]
    pub expand: bool,
}

/// Lengths of axes: `1,auto,-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths(pub Vec<isize>);

impl FromStr for Lengths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let inside = text.trim().trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
        let length = |part: &str| match part.trim().parse::<isize>() {
            Ok(n) if n > 0 || n == -1 => Ok(n),
            Err(_) if part.trim() == "auto" => Ok(AUTO),
            _ => Err(format!("`{}` is no length; write whole numbers, -1 for a whole axis, or auto", part.trim())),
        };
        inside.split(',').filter(|part| !part.trim().is_empty()).map(length).collect::<Result<_, _>>().map(Self)
    }
}

impl Lengths {
    /// The lengths for an array of this shape and so many bytes an element, in chunks of about `bytes` where some are
    /// to be chosen; see [`fit`].
    ///
    /// # Errors
    /// [`Chunks`](crate::ErrorKind::Chunks) when there are more or fewer than the array has axes.
    fn resolve(&self, shape: &[usize], itemsize: usize, bytes: usize) -> Result<Vec<usize>> {
        self.check(shape.len())?;
        Ok(fit(shape, &self.0, itemsize, bytes))
    }

    /// That there is a length for each axis.
    fn check(&self, rank: usize) -> Result<()> {
        if self.0.len() == rank {
            return Ok(());
        }
        Err(Error::chunks(format!("{} lengths for an array of {rank} axes", self.0.len())))
    }

    /// As [`Lengths::resolve`], none longer than its axis.
    fn chunks(&self, shape: &[usize], itemsize: usize, bytes: usize) -> Result<Vec<usize>> {
        let cut = self.resolve(shape, itemsize, bytes)?;
        Ok(cut.iter().zip(shape).map(|(&n, &len)| n.min(len.max(1))).collect())
    }

    /// Shards of chunks: where lengths are to be chosen, whole numbers of chunks.
    fn shards(&self, shape: &[usize], chunks: &[usize], itemsize: usize) -> Result<Vec<usize>> {
        self.check(shape.len())?;
        let counts: Vec<usize> = shape.iter().zip(chunks).map(|(n, c)| n.div_ceil(*c)).collect();
        let given = |(&n, &c): (&isize, &usize)| usize::try_from(n).map_or(n, |n| n.div_ceil(c).cast_signed());
        let within: Vec<isize> = self.0.iter().zip(chunks).map(given).collect();
        let number = fit(&counts, &within, itemsize * chunks.iter().product::<usize>(), AUTO_SHARD_BYTES);
        let length = |((&n, number), &c): ((&isize, usize), &usize)| usize::try_from(n).unwrap_or(number * c);
        Ok(self.0.iter().zip(number).zip(chunks).map(length).collect())
    }
}

impl Storage {
    /// These options for an array of this shape, where that is known, and element type.
    ///
    /// # Errors
    /// [`Chunks`](crate::ErrorKind::Chunks) when chunks or shards do not fit the array's rank, and for shards of which
    /// lengths are to be chosen without chunks.
    pub fn create(&self, shape: &[usize], dtype: DType) -> Result<Create> {
        let bytes = if self.shards.is_some() { AUTO_INNER_BYTES } else { AUTO_CHUNK_BYTES };
        let chunks = self.chunks.as_ref().map(|c| c.chunks(shape, dtype.size(), bytes)).transpose()?;
        let shards = match (&self.shards, &chunks) {
            (Some(shards), Some(chunks)) => Some(shards.shards(shape, chunks, dtype.size())?),
            (Some(Lengths(shards)), None) if shards.contains(&AUTO) => {
                return Err(Error::chunks("`--shards auto` wants `--chunks`, which may be auto, too"));
            }
            (Some(shards), None) => Some(shards.resolve(shape, dtype.size(), AUTO_SHARD_BYTES)?),
            (None, _) => None,
        };
        Ok(Create {
            chunks,
            shards,
            codec: self.codec.clone(),
            format: self.format.clone(),
            unlimited: self.unlimited.clone(),
            zarr_version: self.zarr_version,
            overwrite: self.overwrite,
            ..Create::new()
        })
    }

    /// As [`Storage::create`], without the chunks and shards where they are meant for arrays of another rank: for the
    /// arrays of a container.
    ///
    /// # Errors
    /// None that a rank can cause.
    pub fn create_fitting(&self, shape: &[usize], dtype: DType) -> Result<Create> {
        let fits = |lengths: &Option<Lengths>| lengths.as_ref().is_none_or(|l| l.0.len() == shape.len());
        if fits(&self.chunks) && fits(&self.shards) {
            return self.create(shape, dtype);
        }
        let (codec, format, unlimited) = (self.codec.clone(), self.format.clone(), self.unlimited.clone());
        let Self { zarr_version, overwrite, expand, .. } = *self;
        Self { chunks: None, shards: None, codec, format, unlimited, zarr_version, overwrite, expand }
            .create(shape, dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        storage: Storage,
    }

    #[test]
    fn lengths() {
        let lengths = |text: &str| text.parse::<Lengths>().map(|l| l.0);
        assert_eq!(lengths("1,180,-1"), Ok(vec![1, 180, -1]));
        assert_eq!(lengths("(4, 5,)"), Ok(vec![4, 5]));
        assert_eq!(lengths("()"), Ok(vec![]));
        for text in ["0,1", "-2", "a", "1.5"] {
            assert!(lengths(text).unwrap_err().contains("is no length"));
        }
        assert_eq!(lengths("-1,auto"), Ok(vec![-1, AUTO]));
        assert_eq!(Lengths(vec![1, -1, 500]).chunks(&[10, 20, 30], 8, 1 << 20).unwrap(), [1, 20, 30]);
        assert_eq!(Lengths(vec![-1]).chunks(&[0], 8, 1 << 20).unwrap(), [1]);
        let refused = Lengths(vec![1]).chunks(&[2, 2], 8, 1 << 20).unwrap_err().to_string();
        assert_eq!(refused, "chunks: 1 lengths for an array of 2 axes");
    }

    #[test]
    fn lengths_that_are_chosen() {
        let create = |options: &[&str]| {
            let Only { storage } = Only::parse_from([&["x"], options].concat());
            storage.create(&[1040, 360, 720], DType::F32).map(|how| (how.chunks, how.shards))
        };
        assert_eq!(create(&["--chunks", "-1,auto,auto"]).unwrap(), (Some(vec![1040, 30, 30]), None));
        let (chunks, shards) = create(&["--chunks", "auto,auto,auto", "--shards", "auto,auto,auto"]).unwrap();
        assert_eq!((chunks, shards), (Some(vec![62, 60, 60]), Some(vec![248, 180, 240])));
        let (_, shards) = create(&["--chunks", "65,auto,auto", "--shards", "130,auto,-1"]).unwrap();
        assert_eq!(shards, Some(vec![130, 120, 720]));
        let refused = create(&["--chunks", "65,60,60", "--shards", "130,120,120,2"]).unwrap_err().to_string();
        assert_eq!(refused, "chunks: 4 lengths for an array of 3 axes");
        let refused = create(&["--shards", "auto,auto,auto"]).unwrap_err().to_string();
        assert_eq!(refused, "chunks: `--shards auto` wants `--chunks`, which may be auto, too");
    }
}
