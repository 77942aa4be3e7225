//! Small symmetric matrices, row by row.

/// Sweeps of Jacobi's method: each more than squares what is left beside the diagonal, and a few are enough.
const SWEEPS: usize = 16;

/// The inverse of a symmetric matrix whose eigenvalues below `floor` are taken for `floor`, and the directions of those.
///
/// By Jacobi's rotations (Golub and Van Loan, 8.5): no matrix is too ill for it. Its work depends on the size only, and is
/// less than what a run is given to release the sums that such a matrix is made of.
pub(crate) fn inverse(mut matrix: Vec<f64>, size: usize, floor: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut vectors: Vec<f64> = (0..size * size).map(|at| if at / size == at % size { 1.0 } else { 0.0 }).collect();
    for _ in 0..SWEEPS {
        for one in 0..size {
            for other in one + 1..size {
                rotate(&mut matrix, &mut vectors, size, one, other);
            }
        }
    }
    let values: Vec<f64> = (0..size).map(|at| matrix[at * size + at]).collect();
    let direction = |at: usize| (0..size).map(|row| vectors[row * size + at]).collect();
    let below = (0..size).filter(|at| values[*at] < floor).map(direction).collect();
    let cell = |row: usize, column: usize| -> f64 {
        let terms = values
            .iter()
            .enumerate()
            .map(|(at, value)| vectors[row * size + at] * vectors[column * size + at] / value.max(floor));
        terms.sum()
    };
    ((0..size * size).map(|at| cell(at / size, at % size)).collect(), below)
}

/// Makes the cell of row `one` and column `other` zero.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, one: usize, other: usize) {
    let off = matrix[one * size + other];
    if off == 0.0 {
        return;
    }
    let theta = (matrix[other * size + other] - matrix[one * size + one]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn = |cells: &mut [f64], first: usize, second: usize| {
        let (left, right) = (cells[first], cells[second]);
        cells[first] = cosine * left - sine * right;
        cells[second] = sine * left + cosine * right;
    };
    for at in 0..size {
        turn(matrix, at * size + one, at * size + other);
    }
    for at in 0..size {
        turn(matrix, one * size + at, other * size + at);
        turn(vectors, at * size + one, at * size + other);
    }
    (matrix[one * size + other], matrix[other * size + one]) = (0.0, 0.0);
}

/// A matrix times a vector.
pub(crate) fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    let rows = matrix.chunks(vector.len().max(1));
    rows.map(|row| row.iter().zip(vector).map(|(cell, number)| cell * number).sum()).collect()
}

/// v' M v: what a covariance says of one combination.
pub(crate) fn squared(matrix: &[f64], vector: &[f64]) -> f64 {
    times(matrix, vector).iter().zip(vector).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_is_one() {
        let matrix = vec![4.0, 1.0, -2.0, 1.0, 3.0, 0.5, -2.0, 0.5, 5.0];
        let (inverse, below) = inverse(matrix.clone(), 3, 1e-9);
        assert!(below.is_empty());
        for column in 0..3 {
            let vector: Vec<f64> = (0..3).map(|row| inverse[row * 3 + column]).collect();
            for (row, found) in times(&matrix, &vector).into_iter().enumerate() {
                assert!((found - f64::from(u8::from(row == column))).abs() < 1e-14, "{found}");
            }
        }
    }

    #[test]
    fn what_has_no_inverse_is_held_off_zero() {
        let (found, below) = inverse(vec![1.0, 1.0, 1.0, 1.0], 2, 0.5);
        // Eigenvalues 2 and 0: the second is taken for 1/2.
        assert!(below.len() == 1 && (below[0][0] + below[0][1]).abs() < 1e-14, "{below:?}");
        assert!((found[0] - 1.25).abs() < 1e-14 && (found[1] + 0.75).abs() < 1e-14, "{found:?}");
        for hostile in [vec![0.0; 4], vec![-1e60, 1e60, 1e60, -1e60], vec![1e-300, 1e60, 1e60, 1e-300]] {
            let (found, _) = inverse(hostile, 2, 1e-9);
            assert!(found.iter().all(|number| number.is_finite()), "{found:?}");
        }
        assert_eq!(inverse(Vec::new(), 0, 1.0), (Vec::new(), Vec::new()));
    }
}
