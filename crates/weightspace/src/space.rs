//! The spaces that checkpoints are analysed in: all weights, or a truncated SVD of them.

use crate::Error;
use crate::svd::{self, Svd};
use nalgebra::{DMatrix, DMatrixView};
use std::fmt;
use std::str::FromStr;

/// All weights, or so many dimensions of the uncentred SVD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Every weight is a dimension.
    Full,
    /// Coordinates along the leading singular vectors.
    Svd(usize),
}

/// The paper's spaces (its Tables 2 and 3), in its order.
pub const PAPER: [Space; 7] = [
    Space::Full,
    Space::Svd(500),
    Space::Svd(100),
    Space::Svd(50),
    Space::Svd(25),
    Space::Svd(10),
    Space::Svd(5),
];

impl Space {
    /// Its dimension for points of `parameters` weights.
    pub fn dimension(self, parameters: usize) -> usize {
        match self {
            Self::Full => parameters,
            Self::Svd(rank) => rank,
        }
    }

    /// The points in this space, as columns.
    ///
    /// # Errors
    /// When there are fewer points or parameters than dimensions.
    pub fn project<'a>(self, points: DMatrixView<'a, f32>) -> Result<Projected<'a>, Error> {
        match self {
            Self::Full => Ok(Projected::Full(points)),
            Self::Svd(rank) => {
                check_rank(rank, points)?;
                let svd = svd::truncated(points, rank)?;
                Ok(Projected::Reduced(svd.coordinates_at(rank)?))
            }
        }
    }

    /// As [`project`](Self::project), from a decomposition of at least this rank.
    ///
    /// # Errors
    /// When the decomposition has a lower rank.
    pub fn project_with<'a>(
        self,
        points: DMatrixView<'a, f32>,
        svd: &Svd,
    ) -> Result<Projected<'a>, Error> {
        Ok(match self {
            Self::Full => Projected::Full(points),
            Self::Svd(rank) => Projected::Reduced(svd.coordinates_at(rank)?),
        })
    }
}

fn check_rank(rank: usize, points: DMatrixView<'_, f32>) -> Result<(), Error> {
    let most = points.nrows().min(points.ncols());
    if !(1..=most).contains(&rank) {
        return Err(Error::NoSuchSpace {
            space: Space::Svd(rank).to_string(),
            points: points.ncols(),
            parameters: points.nrows(),
            most,
        });
    }
    Ok(())
}

/// Points in a space.
#[derive(Debug)]
pub enum Projected<'a> {
    /// The points as they were.
    Full(DMatrixView<'a, f32>),
    /// Their coordinates.
    Reduced(DMatrix<f32>),
}

impl Projected<'_> {
    /// The points, as columns.
    pub fn matrix(&self) -> DMatrixView<'_, f32> {
        match self {
            Self::Full(points) => *points,
            Self::Reduced(coordinates) => coordinates.as_view(),
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => out.write_str("full"),
            Self::Svd(rank) => write!(out, "svd-{rank}"),
        }
    }
}

impl FromStr for Space {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if name == "full" {
            return Ok(Self::Full);
        }
        match name.strip_prefix("svd-").map(str::parse) {
            Some(Ok(rank)) if rank > 0 => Ok(Self::Svd(rank)),
            _ => Err(Error::UnknownSpace {
                name: name.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_spaces_read_back() {
        for space in PAPER {
            assert_eq!(space.to_string().parse::<Space>().unwrap(), space);
        }
        for wrong in ["svd", "svd-0", "svd--5", "pca-5", ""] {
            assert!(wrong.parse::<Space>().is_err(), "{wrong}");
        }
    }
}
