"""``make bench``: everything that is measured, one after the other."""

from tests.bench import metrics_path, queue_and_register

if __name__ == "__main__":
    metrics_path.main()
    queue_and_register.main()
