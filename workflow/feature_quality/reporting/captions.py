"""What each table and figure shows, for the report and the sidecars."""

CAPTIONS = {
    "claims": (
        "What the paper claims, as checks over these results: supported where the 95 % interval"
        " over seeds lies wholly on the claimed side, contradicted where it lies wholly on the "
        "other, else open. No correction is made for the number of checks."
    ),
    "table1": (
        "Table 1. Test error and the probing error of both features, SGD and SAM, at the "
        "hyperparameters that validation data chose; mean ± standard deviation over seeds."
    ),
    "table2": (
        "Table 2. Accuracy on a domain that was left out of training, SGD and SAM, by a linear "
        "probe on that domain; mean ± standard deviation over seeds."
    ),
    "grid": (
        "The whole sweep: validation, test and probing errors at every learning rate and ρ; an "
        "arrow marks what validation data chose."
    ),
    "figure_01": (
        "Figure 1. What SGD and LSAM have learned of the easy feature and of the hard one, over"
        " the plane of each feature, on the toy. The line is where the feature decides the "
        "label."
    ),
    "figure_02": (
        "Figure 2. A: the hard feature's error against the perturbation radius ρ, for spirals "
        "of growing complexity. B: the ratio of the last layer's weights of the hard and the "
        "easy feature, at the phantom parameters and at the real ones."
    ),
    "figure_03": (
        "Figure 3. Lorenz curves of the weights of training examples at the end of training: "
        "the nearer to the diagonal, the more evenly examples are weighted. The number is the "
        "Gini coefficient."
    ),
    "figure_04": (
        "Figure 4. LSAM's phantom learning rate over the real one for each feature, through "
        "training and at its end against ρ."
    ),
    "figure_05": (
        "Figure 5. The median weight of a training example, by how much the easy and the hard "
        "feature contribute to its margin, at the end of training."
    ),
    "figure_06": (
        "Figure 6. The hard feature's error when one mechanism of LSAM is put into SGD: "
        "importance weights, learning rates, or both, against the ratio α of the interventions."
    ),
    "figure_07": "Figure 7. The Lorenz curves of Figure 3 through training.",
    "figure_08": "Figure 8. The median weights of Figure 5 through training.",
    "figure_09": (
        "Figure 9. The hard feature's error against ρ under label noise, Gaussian noise and "
        "dropout of features."
    ),
    "figure_10": (
        "Figure 10. The hard feature's error against ρ at several batch sizes, with equal "
        "numbers of updates and with equal numbers of epochs."
    ),
    "figure_appendix_d": (
        "Appendix D. By how much the weight of a single example rises under LSAM: measured, and"
        " as the approximation predicts it."
    ),
    "learning": (
        "Learning curves: validation error and training loss after each epoch, at every learning"
        " rate and ρ of the sweep."
    ),
    "sweep": (
        "Test error and the probing error of each feature against ρ, at every learning rate of the"
        " sweep; rings mark what validation data chose."
    ),
    "embedding": (
        "Embeddings of one selected network of SGD and one of SAM in their two principal components"
        ", coloured by the value of each feature."
    ),
    "groups": (
        "The test error of each group of examples, at the hyperparameters that validation data "
        "chose for SGD and for SAM."
    ),
}
